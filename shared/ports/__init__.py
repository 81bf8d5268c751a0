"""Protocols that the use cases need; adapters and fakes implement them."""
