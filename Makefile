# riskd: every target sets up what it needs; nothing has to be run before it.
# `make` alone explains. Variables: RISKD_DATA (data directory), DEMO_SECONDS, FUZZTIME, TESTFLAGS, BENCHFLAGS.

SHELL         := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS     += --no-print-directory

# Where engine, geo data, broker and database live. Absolute, because tests run in their packages' folders.
export RISKD_DATA := $(abspath $(if $(RISKD_DATA),$(RISKD_DATA),.riskd))

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION := $(shell git rev-parse --verify -q HEAD 2>/dev/null || echo unknown)
SERVICE  := github.com/riskd-io/riskd/pkg/service
LDFLAGS  := -s -w -X $(SERVICE).version=$(VERSION) -X $(SERVICE).revision=$(REVISION)

# The version is stamped above; asking git again fails in checkouts that another user owns.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

BINARIES := riskd riskctl demoapp

.PHONY: help
help: ## show this list
	@printf 'riskd: one question per session, at the right moment: prove that it is you.\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nStart with `make demo`; DEMO_SECONDS=45 make demo ends by itself and checks what it did.\n'

.PHONY: setup
setup: ## fetch the ClickHouse engine, the geo data and what builds the console once (npm, by lock file)
	@sh scripts/setup/setup.sh "$(RISKD_DATA)"
	@sh scripts/console.sh modules

.PHONY: console
console: ## build the console's pages, when their sources changed
	@sh scripts/step.sh "building the console's pages" sh scripts/console.sh

.PHONY: build
build: console ## build bin/riskd, bin/riskctl and bin/demoapp
	@sh scripts/step.sh "building $(BINARIES)" \
		go build -ldflags '$(LDFLAGS)' -o bin/ $(addprefix ./services/,$(BINARIES))

.PHONY: demo
demo: setup build $(if $(filter kafka,$(BROKER)),kafka) ## run everything with a simulated population and watch; ctrl-c ends it; BROKER=kafka
	@bin/riskctl demo $(if $(DEMO_SECONDS),-seconds $(DEMO_SECONDS)) $(if $(BROKER),-broker $(BROKER))

.PHONY: kafka
kafka: ## fetch Apache Kafka once with Maven, for demo, bench and tests; needs Java 17
	@sh scripts/kafka/setup.sh "$(RISKD_DATA)"

.PHONY: test
test: setup build ## all tests: lint, unit, integration with the real broker and engine, browser proof
	@sh scripts/test.sh all

.PHONY: unit
unit: ## the tests that need nothing but Go
	@sh scripts/test.sh unit

.PHONY: integration
integration: setup build ## only the tests with the real broker, engine and browser
	@sh scripts/test.sh integration

.PHONY: race
race: ## the unit tests under the race detector (needs a C compiler)
	@TESTFLAGS="-race $(TESTFLAGS)" sh scripts/test.sh unit

.PHONY: lint
lint: ## gofmt, vet, staticcheck and the rules of the house
	@sh scripts/lint.sh

.PHONY: generate
generate: ## write the Go code of the protobuf schemas anew
	@sh scripts/generate.sh

.PHONY: verify
verify: console ## prove generated files fresh, modules tidy alone, schemas compatible
	@sh scripts/verify.sh

.PHONY: bench
bench: ## costs that are promised: Guard.Check, Step, event to flag
	@sh scripts/bench.sh

.PHONY: bench-pipeline
bench-pipeline: setup build $(if $(filter kafka,$(BROKER)),kafka) ## what riskd costs beside its broker: throughput, latency, restart (13 minutes); BROKER=kafka
	@sh scripts/pipeline.sh $(BROKER)

.PHONY: bench-clickhouse
bench-clickhouse: setup build ## load ROWS decisions (default 2000000) and time every question
	@bin/riskctl bench-clickhouse -data "$(RISKD_DATA)" -rows $(if $(ROWS),$(ROWS),2000000) $(BENCHFLAGS)

.PHONY: chaos
chaos: setup build ## kill, stop and starve every part while events flow; CHAOS_FAULTS=200 for the long run
	@sh scripts/chaos.sh

.PHONY: bench-detection
bench-detection: setup build ## detection beside published methods and rules; page in artifacts/detection.html
	@bin/riskctl bench -page artifacts/detection.html $(BENCHFLAGS)

.PHONY: fuzz
fuzz: ## fuzz each decoder for FUZZTIME (default 10s)
	@sh scripts/fuzz.sh

.PHONY: clean
clean: ## remove what was built; the data directory stays
	rm -rf bin artifacts
	@echo "kept $(RISKD_DATA): engine, geo data and everything recorded; remove it by hand to start anew"
