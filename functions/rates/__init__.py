"""GET and PUT /v1/rates, POST /v1/rates/quote: the prices of usage."""
