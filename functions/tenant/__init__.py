"""What is told of a whole tenant: its activity, its alerts, and the sums of its usage."""
