"""The proof: the real protocol, reducer, outbox and audit decisions under faults, judged by an independent oracle."""
