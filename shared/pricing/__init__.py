"""Prices: from usage to microcents.

Standard library only, as the ledger: pure functions, and ports for what has to be read.
"""
