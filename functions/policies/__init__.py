"""The calls that govern accounts."""
