# Everything a developer runs. Needs Go and make, nothing else: tools are installed
# into .cache/bin, pinned by version.

GOLANGCI_VERSION := v2.15.0
BIN              := bin/tandem
CACHE            := $(CURDIR)/.cache
FUZZTIME         ?= 10s
BENCHTIME        ?= 1s
BENCHFLAGS       ?=

export CGO_ENABLED ?= 0

.PHONY: all run build test test-clients clients race invariants lint fmt fuzz-short bench bench-footprint bench-ab bench-micro generate conformance isolation clean

all: lint test

## run: build the server and run it on 127.0.0.1:27017 with its data in ./data
run: build
	$(BIN) serve --listen 127.0.0.1:27017 --data ./data

## build: build the server as one static binary
build:
	go build -trimpath -o $(BIN) ./cmd/tandem

## test: unit tests, the kill and power-cut tests, real clients; for the driver's own suites see conformance
test: clients
	go vet ./...
	TANDEM_CLIENTS=1 go test ./...

## test-clients: the real clients only
test-clients: clients
	TANDEM_CLIENTS=1 go test -count 1 -v ./test/clients

## clients: install the clients that the tests run
clients:
	test/install.sh

## race: the tests under the race detector
race:
	CGO_ENABLED=1 go test -race ./...

## invariants: the tests with internal checks that cost too much in production
invariants:
	go test -tags invariants ./...

## lint: the linter with the rules of .golangci.yml
lint: $(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION)
	$< run

## fmt: format the code as lint wants it
fmt: $(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION)
	$< fmt

$(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION):
	GOBIN=$(CACHE)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(CACHE)/bin/golangci-lint $@

## fuzz-short: every fuzz target for FUZZTIME each
fuzz-short:
	@set -e; for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

## bench: the server beside its floors and PostgreSQL 15, see docs/performance.md
bench: build
	go build -o bin/bench ./bench
	bin/bench -server $(BIN) $(BENCHFLAGS)

## bench-footprint: memory and disk of a server with 1 GB of documents
bench-footprint: build
	go build -o bin/bench ./bench
	bin/bench -server $(BIN) -footprint

## bench-ab: server CPU and allocations of this tree beside those of the commit BASE, 10 rounds in turn
bench-ab: build
	go build -o bin/bench ./bench
	rm -rf $(CACHE)/base && mkdir -p $(CACHE)/base
	git archive $(BASE) | tar x -C $(CACHE)/base
	cd $(CACHE)/base && go build -trimpath -o $(CURDIR)/bin/tandem-base ./cmd/tandem
	bin/bench -server $(BIN) -base bin/tandem-base -rounds 10 -time 1s $(BENCHFLAGS)

## bench-micro: the benchmarks of all packages
bench-micro:
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

## generate: everything that is written by programs
generate:
	go generate ./...

## conformance: the official Go driver's integration suites (5 minutes), see test/conformance
conformance: build
	cd test/conformance && go run . -server ../../$(BIN)

## isolation: long random histories, with kills, checked for anomalies, see docs/isolation.md
isolation:
	go test -count 1 ./test/isolation/history
	go test -count 1 -v -timeout 30m ./test/isolation -isolation.long

clean:
	rm -rf bin .cache
