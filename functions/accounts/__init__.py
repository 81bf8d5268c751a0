"""Accounts as they stand, and health."""
