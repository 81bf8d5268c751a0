"""What the use cases need of the world, as protocols: adapters and fakes implement them."""
