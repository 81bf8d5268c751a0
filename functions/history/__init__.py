"""The history of accounts and operations: entries, audit rows, and the record under a key."""
