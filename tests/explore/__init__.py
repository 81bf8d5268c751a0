"""The exploration: every interleaving and every outcome of every call of a few requests, up to a number of calls."""
