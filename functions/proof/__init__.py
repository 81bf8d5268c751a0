"""GET /v1/accounts/{actor}/proof: proves that an account's history is in a signed digest."""
