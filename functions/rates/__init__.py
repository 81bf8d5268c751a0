"""GET and PUT /v1/rates, POST /v1/rates/quote: what usage costs."""
