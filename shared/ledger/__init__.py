"""The domain: prepaid credit accounts as pure functions.

Standard library only; no AWS, clock, environment or logging.
"""
