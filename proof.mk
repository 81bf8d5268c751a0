# The long proofs. Each ends with its verdict as one line of JSON and fails unless that is clean.

.PHONY: torture
torture: OPS := $(or $(OPS),50000)
torture: SEED := $(or $(SEED),1)
torture: dev ## The real functions over real protocols, with faults and kills (OPS=50000 SEED=1)
	@exec $(VENV)/python -m tests.torture --operations $(OPS) --seed $(SEED)
