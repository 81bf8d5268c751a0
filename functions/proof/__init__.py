"""GET /v1/accounts/{actor}/proof proves that an account is in a signed digest, GET /v1/digests/{number} shows one."""
