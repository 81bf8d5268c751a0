"""The HTTP edge: requests and answers, identity, validation and problem documents."""
