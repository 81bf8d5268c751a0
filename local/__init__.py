"""The laptop cloud and what the Makefile runs."""
