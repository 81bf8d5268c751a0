"""The parts that several functions are composed of, from their settings.

One module a part: a function's package holds what its runtime imports, and every import counts in a cold start.
"""
