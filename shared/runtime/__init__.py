"""What a function runs in: its settings, its logs and metrics, its clock."""
