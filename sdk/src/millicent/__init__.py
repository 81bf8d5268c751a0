"""Millicent: prepaid credits and metering."""
