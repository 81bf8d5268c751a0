"""POST /v1/cost: records what was spent."""
