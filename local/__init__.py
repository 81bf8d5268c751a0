"""The laptop cloud, and the programs that the Makefile runs."""
