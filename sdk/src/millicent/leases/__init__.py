"""Leases: charging at memory speed. A budget reserves a slice of an account and spends it in memory."""

from millicent.leases.budget import Budget, BudgetStats, Part

__all__ = ["Budget", "BudgetStats", "Part"]
