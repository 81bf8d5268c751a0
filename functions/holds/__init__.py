"""POST /v1/holds and what ends a hold: credits set aside before the work, charged after it."""
