"""Everything that only reads: accounts, entries, audit rows, operations and health."""
