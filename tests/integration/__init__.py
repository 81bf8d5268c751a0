"""The functions as Lambda runs them, on moto."""
