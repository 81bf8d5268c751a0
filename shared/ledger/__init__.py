"""The domain: prepaid credit accounts as pure functions.

It uses the standard library and `tzdata` alone; it knows no AWS, clock, environment or logging.
"""
