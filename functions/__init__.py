"""The edge: one folder a Lambda function. No business rule lives here."""
