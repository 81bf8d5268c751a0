"""Whether the proof bites: named mistakes are made in the code, one at a time, and each must be noticed."""
