"""The runtime of a function: its settings, its logs and metrics, its clock."""
