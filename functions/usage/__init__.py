"""The usage queue: keeps the sums of the accounts' spending up to date."""
