"""Benchmarks: they print ratios, as figures of one machine say little on another."""
