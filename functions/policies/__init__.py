"""The calls that change an account's settings."""
