"""The Lambda functions, one folder each. They contain no business rules."""
