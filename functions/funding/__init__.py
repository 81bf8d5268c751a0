"""POST /v1/funding: records what was paid in."""
