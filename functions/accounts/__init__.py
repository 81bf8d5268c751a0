"""Accounts in their present state, and health."""
