"""What somebody with every permission but the key can do to the tables and the bucket, and who finds it."""
