# The targets of `sam build` (BuildMethod: makefile): one per function and one for the layer, into ARTIFACTS_DIR.
#
# The layer holds compiled packages and all packages hold bytecode, so a build is for one runtime and one processor.
# They must match the template's parameters PythonRuntime and Architecture. samconfig.toml makes `sam deploy` take both
# from the file that the build of the layer writes, built-for.yaml:
#
#   LAMBDA_RUNTIME       python3.11 to python3.14
#   LAMBDA_ARCHITECTURE  x86_64 or arm64; native builds for this machine (the laptop cloud)
LAMBDA_RUNTIME ?= python3.13
LAMBDA_ARCHITECTURE ?= x86_64

# Any Python can fetch packages for another runtime; only the runtime itself can compile its bytecode.
PACKAGER = $(firstword $(wildcard .venv/bin/python .tools/sam/bin/python) $(PYTHON))
COMPILER = $(firstword $(wildcard .venv/bin/$(LAMBDA_RUNTIME) .tools/sam/bin/$(LAMBDA_RUNTIME)) $(LAMBDA_RUNTIME))

# The platform of wheels for Amazon Linux, as uv names it. Amazon Linux 2, under python3.11, has glibc 2.26.
MACHINE_x86_64 := x86_64
MACHINE_arm64 := aarch64
MACHINE = $(MACHINE_$(LAMBDA_ARCHITECTURE))
WHEELS_native :=
WHEELS_lambda = --only-binary=:all: --python-version $(LAMBDA_RUNTIME:python%=%) --python-platform $(MACHINE)-manylinux2014
WHEELS = $(if $(filter native,$(LAMBDA_ARCHITECTURE)),$(WHEELS_native),$(WHEELS_lambda))

# The layer keeps the service descriptions of these AWS services only.
AWS_SERVICES := dynamodb events kms lambda s3 sqs

FUNCTIONS := Check Cost Funding Holds Ingest Policies Rates Accounts History Docs Outbox Audit Usage Reconcile Digest Due Proof Console Boards Tenant
lowered = $(shell echo $(1) | tr '[:upper:]' '[:lower:]')

.PHONY: $(FUNCTIONS:%=build-%Function) build-ThirdPartyLayer

# A function's zip mirrors the repository, so that an import is the same here, in the tests and on AWS. It contains only
# what its handler imports (local/packages.py).
$(FUNCTIONS:%=build-%Function): build-%Function: artifacts-dir
	@if $(COMPILER) -c "" 2>/dev/null; then \
	  $(REPRODUCIBLY) $(COMPILER) -m local.packages "$(ARTIFACTS_DIR)=functions.$(call lowered,$*).handler"; \
	else \
	  $(call tell_of_source); \
	  $(PACKAGER) -m local.packages --as-source=$(LAMBDA_RUNTIME) "$(ARTIFACTS_DIR)=functions.$(call lowered,$*).handler"; \
	fi

# What the console serves is built into the directory of its function, and packaged with it.
build-ConsoleFunction: console-site
.PHONY: console-site
console-site:
	@$(PACKAGER) -m local.console

build-ThirdPartyLayer: artifacts-dir
	$(PACKAGER) local/environments.py --packages "$(ARTIFACTS_DIR)/python" requirements.txt $(WHEELS)
	cd "$(ARTIFACTS_DIR)/python" && rm -rf bin boto3/examples
	find "$(ARTIFACTS_DIR)/python" -type d \( -name tests -o -name test -o -name __pycache__ \) -prune -exec rm -rf {} +
	find "$(ARTIFACTS_DIR)/python/botocore/data" "$(ARTIFACTS_DIR)/python/boto3/data" -mindepth 1 -maxdepth 1 -type d \
	  $(AWS_SERVICES:%=! -name %) -exec rm -rf {} +
	@if $(COMPILER) -c "" 2>/dev/null; then \
	  $(REPRODUCIBLY) $(COMPILER) -m compileall -q -j 0 --invalidation-mode unchecked-hash \
	    -s "$(ARTIFACTS_DIR)/python" -p /opt/python "$(ARTIFACTS_DIR)/python"; \
	else \
	  $(call tell_of_source); \
	fi
	@printf '%s\n' 'PythonRuntime: $(LAMBDA_RUNTIME)' 'BuiltRuntime: $(LAMBDA_RUNTIME)' \
	  "Build: '$$($(PACKAGER) -m local.sources)'" \
	  $(if $(MACHINE),'Architecture: $(LAMBDA_ARCHITECTURE)') > "$(ARTIFACTS_DIR)/built-for.yaml"

.PHONY: artifacts-dir
artifacts-dir:
	@[ -n "$(ARTIFACTS_DIR)" ] || { echo "build-* targets are for 'sam build', which sets ARTIFACTS_DIR" >&2; exit 1; }
	@[ "$(LAMBDA_ARCHITECTURE)" = native ] || [ -n "$(MACHINE)" ] \
	  || { echo "LAMBDA_ARCHITECTURE is '$(LAMBDA_ARCHITECTURE)': use x86_64, arm64 or native" >&2; exit 1; }
	@mkdir -p "$(ARTIFACTS_DIR)"

# The same bytes each time. Bytecode is not invalidated by dates, since SAM's zip dates every file 1980. It has no
# columns, which only draw carets under a traceback.
REPRODUCIBLY := PYTHONHASHSEED=0 PYTHONNODEBUGRANGES=1
tell_of_source = echo "$(LAMBDA_RUNTIME) is not on PATH: shipped as source, which makes cold starts slower" >&2
