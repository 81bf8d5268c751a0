# What `sam build` runs (BuildMethod: makefile): one target a function and one for the layer, into ARTIFACTS_DIR.
#
# The layer holds compiled packages and all packages hold bytecode, so a build is for one runtime and one processor.
# They must be the ones that the template's parameters PythonRuntime and Architecture name. samconfig.toml has `sam
# deploy` take both from what the build of the layer wrote down, built-for.yaml:
#
#   LAMBDA_RUNTIME       python3.11 to python3.14
#   LAMBDA_ARCHITECTURE  x86_64 or arm64; native builds for this machine, whatever it is (the laptop cloud)
LAMBDA_RUNTIME ?= python3.13
LAMBDA_ARCHITECTURE ?= x86_64

# Whatever has pip can fetch packages for another runtime; only the runtime itself can compile its bytecode.
PACKAGER = $(firstword $(wildcard .venv/bin/python .tools/sam/bin/python) $(PYTHON))
COMPILER = $(firstword $(wildcard .venv/bin/$(LAMBDA_RUNTIME) .tools/sam/bin/$(LAMBDA_RUNTIME)) $(LAMBDA_RUNTIME))

# The names under which wheels for Amazon Linux are published. Amazon Linux 2, under python3.11, has glibc 2.26.
MACHINE_x86_64 := x86_64
MACHINE_arm64 := aarch64
MACHINE = $(MACHINE_$(LAMBDA_ARCHITECTURE))
WHEELS_native :=
WHEELS_lambda = --only-binary=:all: --implementation cp --python-version $(LAMBDA_RUNTIME:python%=%) \
                --platform manylinux2014_$(MACHINE) --platform manylinux_2_17_$(MACHINE)
WHEELS = $(if $(filter native,$(LAMBDA_ARCHITECTURE)),$(WHEELS_native),$(WHEELS_lambda))

# Of the descriptions of all AWS services only those that are called.
AWS_SERVICES := dynamodb events kms lambda s3 sqs

FUNCTIONS := Check Cost Funding Holds Ingest Policies Rates Accounts History Docs Outbox Audit Usage Reconcile Digest Due Proof
lowered = $(shell echo $(1) | tr '[:upper:]' '[:lower:]')

.PHONY: $(FUNCTIONS:%=build-%Function) build-ThirdPartyLayer

# A function's zip mirrors the repository, so that an import is the same here, in the tests and on AWS; it has what its
# handler imports and no more. Bytecode without docstrings: half the size, and nothing to compile in a cold start. Only
# functions/__init__.py stays source: it compares what runs with what is noted here, which any Python has to be able to.
$(FUNCTIONS:%=build-%Function): build-%Function: artifacts-dir
	$(PACKAGER) local/closure.py functions.$(call lowered,$*).handler | tar -cf - -T - | tar -xf - -C "$(ARTIFACTS_DIR)"
	@echo $(LAMBDA_RUNTIME) > "$(ARTIFACTS_DIR)/functions/built-for"
	$(call compile,$(ARTIFACTS_DIR),/var/task,-b -o 2 -x '/functions/__init__\.py$$$$',\
	  find "$(ARTIFACTS_DIR)" -name '*.py' ! -path '*/functions/__init__.py' -delete)

build-ThirdPartyLayer: artifacts-dir
	$(PACKAGER) -m pip --disable-pip-version-check --no-input install --quiet --no-deps --no-compile --require-hashes \
	  $(WHEELS) --target "$(ARTIFACTS_DIR)/python" -r requirements.txt
	cd "$(ARTIFACTS_DIR)/python" && rm -rf bin boto3/examples
	find "$(ARTIFACTS_DIR)/python" -type d \( -name tests -o -name test -o -name __pycache__ \) -prune -exec rm -rf {} +
	find "$(ARTIFACTS_DIR)/python/botocore/data" "$(ARTIFACTS_DIR)/python/boto3/data" -mindepth 1 -maxdepth 1 -type d \
	  $(AWS_SERVICES:%=! -name %) -exec rm -rf {} +
	$(call compile,$(ARTIFACTS_DIR)/python,/opt/python,,)
	@printf '%s\n' 'PythonRuntime: $(LAMBDA_RUNTIME)' 'BuiltRuntime: $(LAMBDA_RUNTIME)' \
	  $(if $(MACHINE),'Architecture: $(LAMBDA_ARCHITECTURE)') > "$(ARTIFACTS_DIR)/built-for.yaml"

.PHONY: artifacts-dir
artifacts-dir:
	@[ -n "$(ARTIFACTS_DIR)" ] || { echo "build-* targets are for 'sam build', which sets ARTIFACTS_DIR" >&2; exit 1; }
	@[ "$(LAMBDA_ARCHITECTURE)" = native ] || [ -n "$(MACHINE)" ] \
	  || { echo "LAMBDA_ARCHITECTURE is '$(LAMBDA_ARCHITECTURE)': take x86_64, arm64 or native" >&2; exit 1; }
	@mkdir -p "$(ARTIFACTS_DIR)"

# $(1) is the directory, $(2) where Lambda will have it, $(3) more options, $(4) what to do afterwards. Tracebacks and
# the bytes of a package then do not depend on where it was built. No date invalidates the bytecode, since a zip of SAM's
# dates every file 1980; no columns are in it, which only draw carets under a traceback.
define compile
@if $(COMPILER) -c "" 2>/dev/null; then \
  PYTHONHASHSEED=0 PYTHONNODEBUGRANGES=1 $(COMPILER) -m compileall -q --invalidation-mode unchecked-hash $(3) \
    -s "$(1)" -p "$(2)" "$(1)" $(if $(4),&& $(4)); \
else \
  echo "$(LAMBDA_RUNTIME) is not on PATH: shipped as source, which makes cold starts slower" >&2; \
fi
endef
