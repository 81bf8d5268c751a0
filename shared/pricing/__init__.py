"""Prices: converts usage to microcents.

It uses the standard library alone, like the ledger: pure functions, and ports for reads.
"""
