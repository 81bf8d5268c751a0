"""POST /v1/cost, /v1/cost/batch and /v1/refunds: records what was spent, and what is given back."""
