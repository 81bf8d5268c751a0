"""POST /v1/funding and /v1/grants/{id}/void: records fundings and voids."""
