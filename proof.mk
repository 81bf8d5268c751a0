# The proof: tests of the ledger under faults, and tests that those tests detect mistakes.

.PHONY: simulate
simulate: dev ## Run the ledger under injected faults, checked by an oracle (OPS=200000 SEED= FAULTS=0.02 WORLD= KEY=)
	@exec $(VENV)/python -m tests.simulation $(if $(OPS),--operations "$(OPS)") $(if $(SEED),--seed "$(SEED)") \
	  $(if $(FAULTS),--faults "$(FAULTS)") $(if $(WORLD),--world "$(WORLD)") $(if $(KEY),--key "$(KEY)")

.PHONY: explore
explore: dev ## Try every interleaving of two and three requests, with every outcome of each call (CALLS= SCENARIO= PLANT=)
	@exec $(VENV)/python -m tests.explore $(if $(CALLS),--calls "$(CALLS)") $(if $(SCENARIO),--scenario "$(SCENARIO)") \
	  $(if $(PLANT),--plant "$(PLANT)")

.PHONY: eager
eager: dev ## Compare the whole stack with a model that applies what is due at once (SEQUENCES=5000 OPERATIONS=40 SEED=1)
	@exec $(VENV)/python -m tests.eager $(if $(SEQUENCES),--sequences "$(SEQUENCES)") \
	  $(if $(OPERATIONS),--operations "$(OPERATIONS)") $(if $(SEED),--seed "$(SEED)") $(if $(WITHOUT),--without "$(WITHOUT)")

.PHONY: mutants
mutants: dev ## Make deliberate mistakes, one at a time; the tests must notice each
	@exec $(VENV)/python -m tests.mutants

.PHONY: stress torture
torture: stress
stress: dev ## Run the functions over real protocols, with faults and kills, and the same checks (OPS=50000 SEED=1)
	@exec $(VENV)/python -m tests.stress $(if $(OPS),--operations "$(OPS)") $(if $(SEED),--seed "$(SEED)")

.PHONY: order
order: dev ## Check a long history for real-time order, and measure the time (OPS=1000000)
	@exec $(VENV)/python -m tests.simulation.long_history $(OPS)

.PHONY: kills
kills: setup ## The laptop cloud killed under load: no acknowledged charge is lost (ROUNDS=3)
	@KILL_ROUNDS="$(or $(ROUNDS),3)" exec $(VENV)/pytest tests/e2e/test_state.py -k killed_under_load -o log_cli=true \
	  --log-cli-level=INFO

.PHONY: leases
leases: dev ## Run budgets on the service in memory under faults, judged by an oracle (SPENDS=200000 SEED= FAULTS=0.05 WORLD=)
	@exec $(VENV)/python -m tests.leases $(if $(SPENDS),--spends "$(SPENDS)") $(if $(SEED),--seed "$(SEED)") \
	  $(if $(FAULTS),--faults "$(FAULTS)") $(if $(WORLD),--world "$(WORLD)")

.PHONY: lease-kills
lease-kills: dev ## Kill processes with budgets at random, and compare their sums with the record (KILLS=60 SEED=1)
	@exec $(VENV)/python -m tests.leases.kills --kills "$(or $(KILLS),60)" $(if $(SEED),--seed "$(SEED)")
