"""POST /v1/funding and /v1/grants/{id}/void: records what was paid in, and what is taken back."""
