# The proof: the ledger under faults, and whether that would notice if the ledger were wrong.

.PHONY: simulate
simulate: dev ## The ledger under faults, seeded and judged by an oracle (OPS=200000 SEED= FAULTS=0.02 WORLD= KEY=)
	@exec $(VENV)/python -m tests.simulation $(if $(OPS),--operations "$(OPS)") $(if $(SEED),--seed "$(SEED)") \
	  $(if $(FAULTS),--faults "$(FAULTS)") $(if $(WORLD),--world "$(WORLD)") $(if $(KEY),--key "$(KEY)")

.PHONY: explore
explore: dev ## Every interleaving and every outcome of every call of two and three requests (CALLS= SCENARIO= PLANT=)
	@exec $(VENV)/python -m tests.explore $(if $(CALLS),--calls "$(CALLS)") $(if $(SCENARIO),--scenario "$(SCENARIO)") \
	  $(if $(PLANT),--plant "$(PLANT)")

.PHONY: eager
eager: dev ## The whole stack against a model in which what is due happens at once (SEQUENCES=5000 OPERATIONS=40 SEED=1)
	@exec $(VENV)/python -m tests.eager $(if $(SEQUENCES),--sequences "$(SEQUENCES)") \
	  $(if $(OPERATIONS),--operations "$(OPERATIONS)") $(if $(SEED),--seed "$(SEED)") $(if $(WITHOUT),--without "$(WITHOUT)")

.PHONY: mutants
mutants: dev ## Mistakes made on purpose, one at a time: each must be noticed
	@exec $(VENV)/python -m tests.mutants

.PHONY: stress torture
torture: stress
stress: dev ## The functions over real protocols, with faults and kills, judged alike (OPS=50000 SEED=1)
	@exec $(VENV)/python -m tests.stress $(if $(OPS),--operations "$(OPS)") $(if $(SEED),--seed "$(SEED)")

.PHONY: order
order: dev ## How long it takes to check a history for real-time order (OPS=1000000)
	@exec $(VENV)/python -m tests.simulation.long_history $(OPS)

.PHONY: kills
kills: setup ## The laptop cloud killed under load: no acknowledged charge is lost (ROUNDS=3)
	@KILL_ROUNDS="$(or $(ROUNDS),3)" exec $(VENV)/pytest tests/e2e/test_state.py -k killed_under_load -o log_cli=true \
	  --log-cli-level=INFO
