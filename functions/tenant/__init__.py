"""What is told of a whole tenant: its activity and its alerts."""
