"""The stream of the usage table: keeps the sums of tenants up to date."""
