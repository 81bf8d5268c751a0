"""The parts that several functions are composed of, from their settings.

One module per part: a function's package contains what its runtime imports, and every import adds to its cold start.
"""
