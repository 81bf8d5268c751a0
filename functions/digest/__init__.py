"""Makes the daily digest over the heads of all accounts, compares it with the last and tells the bus of it."""
