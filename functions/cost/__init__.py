"""POST /v1/cost, /v1/cost/batch and /v1/refunds: records charges and refunds."""
