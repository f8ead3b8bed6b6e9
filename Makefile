# make help lists the targets. Everything is built with Go alone; what is built once (Fabric's
# programs, the linters) goes to a cache folder, keyed by the module sums that pin it.

SHELL      := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO         ?= go
ARGS       ?=
FUZZTIME   ?= 10s
BENCHTIME  ?= 1s

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/waybill
TOOLS := $(CACHE)/tools/$(shell { $(GO) version; cat network/tools/go.mod network/tools/go.sum; } | sha256sum | cut -c1-16)

# Packages whose tests start a real Fabric network: they run one after the other.
E2E := ./network ./gateway ./internal/e2e

.PHONY: help build test test-unit test-e2e lint generate check bench fuzz demo clean tools
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

build: ## build bin/waybill and bin/waybill-chaincode
	$(GO) build -trimpath -o bin/ ./cmd/...
	$(GO) build -trimpath -o bin/waybill-ccbuilder ./network/ccbuilder

test: test-unit test-e2e ## run every test: units with the race detector, then the end-to-end tests on real networks

test-unit: $(TOOLS)/gotestsum
	$(TOOLS)/gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- -short -race -timeout 15m ./...

test-e2e: build $(TOOLS)/gotestsum
	$(TOOLS)/gotestsum --format testname -- -p 1 -count 1 -timeout 30m $(E2E)

lint: $(TOOLS)/golangci-lint $(TOOLS)/buf ## run the linters, on Go and on the protobuf sources
	$(TOOLS)/golangci-lint run ./...
	cd api/proto && $(TOOLS)/buf lint

generate: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc $(TOOLS)/gofumpt ## regenerate api/gen and format
	cd api/proto && PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate
	$(TOOLS)/gofumpt -l -w $$(git ls-files '*.go')

check: generate ## regenerate and want an empty diff
	git diff --exit-code
	$(GO) mod tidy -diff

bench: build ## measure: Go benchmarks, then capture, readings and verdict on a real network
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	bin/waybill bench capture $(ARGS)
	bin/waybill bench readings $(ARGS)
	bin/waybill bench verdict $(ARGS)

fuzz: ## fuzz every decoder for FUZZTIME each
	@for pkg in $$($(GO) list ./...); do \
	  for name in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$name"; \
	    $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

demo: build ## run the main job; ARGS=--once ends after it, ARGS="--input DIR" takes your own data
	bin/waybill demo $(ARGS)

clean: ## remove what was built here and the demo's state
	-[ -x bin/waybill ] && bin/waybill network clean
	rm -rf bin

tools: $(TOOLS)/golangci-lint $(TOOLS)/gofumpt $(TOOLS)/buf $(TOOLS)/gotestsum ## build the linters and generators into the cache

$(TOOLS)/%:
	@echo "building $* (once, into $(TOOLS))"
	@mkdir -p $(TOOLS)
	@cd network/tools && CGO_ENABLED=0 GOFLAGS=-mod=readonly $(GO) build -o $(TOOLS)/ $$($(GO) list -f '{{.ImportPath}}' tool | grep '/$*$$')
	@test -x $@
