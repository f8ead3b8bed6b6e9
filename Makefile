# make help lists the targets. Everything is built with Go alone; what is built once (Fabric's
# programs, the linters) goes to a cache folder, keyed by the module sums that pin it.

SHELL      := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO         ?= go
ARGS       ?=
FUZZTIME   ?= 10s
VECTORS    ?= 1000000
BENCHTIME  ?= 1s

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/waybill
TOOLS := $(CACHE)/tools/$(shell { $(GO) version; cat network/tools/go.mod network/tools/go.sum; } | sha256sum | cut -c1-16)

# Packages whose tests start a real Fabric network: they run one after the other.
E2E := ./network ./gateway ./internal/e2e ./internal/demo ./internal/bench

# What starts goroutines. Packages that hold any of it, or whose tests do, are tested once more with the race detector,
# which in all others could find nothing and takes ten times as long.
CONCURRENT := '(^|[[:space:]])go (func|[[:alnum:]_.]+[(])|[.]Go[(]|t[.]Parallel[(]|AfterFunc[(]|"testing/synctest"|"net/http|google[.]golang[.]org/grpc"|mochi-mqtt|paho'
RACED       = $$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./... | while read -r dir; do if grep -qE $(CONCURRENT) "$$dir"/*.go; then echo "$$dir"; fi; done)

# A throw-away PostgreSQL for the tests of the read model: on a socket in a folder of its own, no port.
POSTGRES     := $(or $(TMPDIR),/tmp)/waybill-postgres-$(shell id -u)
POSTGRES_BIN  = $$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
POSTGRES_AS  := $(if $(filter 0,$(shell id -u)),runuser -u postgres --)
POSTGRES_DSN  = $$(if [ -S $(POSTGRES)/.s.PGSQL.5432 ]; then cat $(POSTGRES)/dsn; fi)

.PHONY: help build test test-unit test-e2e lint generate check bench bits fuzz demo clean tools postgres postgres-stop qemu
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

build: ## build bin/waybill and bin/waybill-chaincode
	$(GO) build -trimpath -o bin/ ./cmd/...
	$(GO) build -trimpath -o bin/waybill-ccbuilder ./network/ccbuilder

test: test-unit test-e2e ## run every test: units, with the race detector where goroutines meet, then the end-to-end tests on real networks

test-unit: $(TOOLS)/gotestsum ## test every package by itself, then those with goroutines again with the race detector
	export WAYBILL_TEST_POSTGRES="$${WAYBILL_TEST_POSTGRES:-$(POSTGRES_DSN)}"; \
	test="$(TOOLS)/gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- -short -timeout 15m"; \
	raced="$(RACED)"; test -n "$$raced"; \
	$$test ./...; $$test -race $$raced

test-e2e: build $(TOOLS)/gotestsum
	$(TOOLS)/gotestsum --format testname -- -p 1 -count 1 -timeout 30m $(E2E)

postgres: ## start a throw-away PostgreSQL that test-unit uses, and print its URL; as root, install Debian's if there is none
	@if [ -S $(POSTGRES)/.s.PGSQL.5432 ] && $(POSTGRES_AS) "$(POSTGRES_BIN)/pg_ctl" -D $(POSTGRES)/data status >/dev/null; then cat $(POSTGRES)/dsn; exit; fi; \
	if [ -z "$(POSTGRES_BIN)" ]; then \
	  if [ "$$(id -u)" != 0 ]; then echo "there is no PostgreSQL below /usr/lib/postgresql: install Debian's package postgresql" >&2; exit 1; fi; \
	  echo "installing PostgreSQL" >&2; \
	  apt-get install -y -q postgresql >&2 || { apt-get update -q >&2; apt-get install -y -q postgresql >&2; }; \
	fi; \
	rm -rf $(POSTGRES); install -d -m 0755 $(if $(POSTGRES_AS),-o postgres) $(POSTGRES); cd $(POSTGRES); \
	$(POSTGRES_AS) "$(POSTGRES_BIN)/initdb" -D $(POSTGRES)/data -U waybill -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null; \
	$(POSTGRES_AS) "$(POSTGRES_BIN)/pg_ctl" -D $(POSTGRES)/data -l $(POSTGRES)/log -w -t 60 \
	  -o "-c listen_addresses= -c unix_socket_directories=$(POSTGRES) -c fsync=off -c max_connections=200" start >/dev/null \
	  || { cat $(POSTGRES)/log >&2; exit 1; }; \
	echo "postgres://waybill@/postgres?host=$(POSTGRES)" | tee $(POSTGRES)/dsn

postgres-stop: ## stop and remove it
	-[ -d $(POSTGRES)/data ] && cd / && $(POSTGRES_AS) "$(POSTGRES_BIN)/pg_ctl" -D $(POSTGRES)/data -m immediate stop >/dev/null
	rm -rf $(POSTGRES)

qemu: ## make sure that arm64 programs run here, for bits; as root, install Debian's qemu-user if they do not
	@if [ "$$($(GO) env GOHOSTARCH)" = arm64 ] || command -v qemu-aarch64 >/dev/null; then exit; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "there is no qemu-aarch64: install Debian's package qemu-user" >&2; exit 1; fi; \
	echo "installing qemu-user" >&2; \
	apt-get install -y -q qemu-user >&2 || { apt-get update -q >&2; apt-get install -y -q qemu-user >&2; }

lint: $(TOOLS)/golangci-lint $(TOOLS)/buf ## run the linters, on Go and on the protobuf sources
	$(TOOLS)/golangci-lint run ./...
	cd api/proto && $(TOOLS)/buf lint

generate: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc $(TOOLS)/gofumpt ## regenerate api/gen and format
	cd api/proto && PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate
	$(TOOLS)/gofumpt -l -w $$(git ls-files '*.go' ':!api/gen')

check: generate ## regenerate and want an empty diff
	git diff --exit-code
	$(GO) mod tidy -diff

bench: build ## measure: Go benchmarks, then capture, readings, verdict, final and payments on a real network
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	bin/waybill bench capture $(ARGS)
	bin/waybill bench readings $(ARGS)
	bin/waybill bench verdict $(ARGS)
	bin/waybill bench final
	bin/waybill bench payments

bits: ## hold VECTORS verdicts and a trained artefact of amd64 v1, v3 and without FMA against arm64's, bit by bit (see qemu)
	$(GO) run ./internal/bits/compare -vectors $(VECTORS)

fuzz: ## fuzz every decoder for FUZZTIME each
	@for pkg in $$($(GO) list ./...); do \
	  for name in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$name"; \
	    $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

demo: build ## run the main job; ARGS=--once ends after it, ARGS="--input DIR" takes your own data
	bin/waybill demo $(ARGS)

clean: postgres-stop ## remove what was built here and the demo's state
	-[ -x bin/waybill ] && bin/waybill network clean
	rm -rf bin

tools: $(TOOLS)/golangci-lint $(TOOLS)/gofumpt $(TOOLS)/buf $(TOOLS)/gotestsum ## build the linters and generators into the cache

$(TOOLS)/%:
	@echo "building $* (once, into $(TOOLS))"
	@mkdir -p $(TOOLS)
	@cd network/tools && CGO_ENABLED=0 GOFLAGS=-mod=readonly $(GO) build -o $(TOOLS)/ $$($(GO) list -f '{{.ImportPath}}' tool | grep '/$*$$')
	@test -x $@
