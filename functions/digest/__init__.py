"""Makes the daily digest over the heads of all accounts, compares it with the last one and publishes it on the bus."""
