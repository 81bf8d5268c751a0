"""Makes the daily digest over the heads of all accounts; on a schedule and on demand."""
