"""POST /v1/holds and the calls that end a hold: credits set aside before the work, charged after it."""
