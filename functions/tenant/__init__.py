"""What is told of a whole tenant: the sums of its usage."""
