# provision: what a developer or an operator types.
# One set of flags for everything, so that the build cache is shared.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false
export GOTOOLCHAIN := local
GO ?= go
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LDFLAGS := -s -w
# Agents travel to every host: without inlining they are 8 % smaller. Others share
# the cache with the rest of the build.
AGENTFLAGS = $$(test $$program != provision-agent || echo -gcflags=all=-l) -ldflags "$(LDFLAGS)"
ARCHES := amd64 arm64
# Programs of ours that hosts are sent: each cmd/provision-NAME.
PROGRAMS := $(notdir $(wildcard cmd/provision-*))
# Tests that start a real API server and etcd on loopback.
CLUSTER_TESTS := ./provision/kube ./provision/resource/clusterkinds ./addons/coredns ./provision/etcd/backup/take ./provision/etcd/backup/target/s3
# A real S3 server for tests.
GATEWAY := github.com/versity/versitygw/cmd/versitygw@v1.8.0
# How long each fuzz test runs.
FUZZTIME ?= 20s
INVENTORY ?= inventories/lab.hcl

.PHONY: help deps agents build killpoints gateway demo unit lint fuzz e2e test bench faults soak soaks clean

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

deps: ## install what building and labs need from the OS's packages
	@test/deps.sh

agents: ## build the agents, and what else of ours hosts are sent
	@for arch in $(ARCHES); do for program in $(PROGRAMS); do \
	  GOARCH=$$arch $(GO) build $(AGENTFLAGS) -o provision/internal/agentbin/bin/$$program-$$arch ./cmd/$$program || exit 1; \
	done; done

build: agents ## build bin/provision
	$(GO) build -ldflags "$(LDFLAGS)" -o bin/provision ./cmd/provision

killpoints: ## build bin/killpoints/provision, which crash tests kill at named points
	@for arch in $(ARCHES); do for program in $(PROGRAMS); do \
	  GOARCH=$$arch $(GO) build -tags killpoints $(AGENTFLAGS) -o provision/internal/agentbin/killpoints/$$program-$$arch ./cmd/$$program || exit 1; \
	done; done
	$(GO) build -tags killpoints -ldflags "$(LDFLAGS)" -o bin/killpoints/provision ./cmd/provision

demo: deps build ## boot five test hosts here and turn them into a cluster
	bin/provision bundle pull $(INVENTORY)
	bin/provision lab up $(INVENTORY)
	bin/provision --lab apply --yes $(INVENTORY)
	bin/provision --lab status $(INVENTORY)
	@bin/provision lab hints $(INVENTORY)

unit: agents ## run the quick tests
	$(GO) test -timeout 30m $$($(GO) list ./... | grep -v -e /test/e2e -e /test/bench)

lint: agents ## run golangci-lint with the import rules
	$(GO) run $(GOLANGCI) run --allow-parallel-runners ./...

fuzz: agents ## run each fuzz test for FUZZTIME (20s), one after the other
	@for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  list=$$($(GO) test -list '^Fuzz' $$dir) || { echo "$$list"; exit 1; }; \
	  for name in $$(echo "$$list" | grep '^Fuzz'); do \
	    echo "$$dir $$name"; \
	    $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$dir || exit 1; \
	  done; \
	done

gateway: ## build the S3 server that tests store backups at
	GOBIN=$(CURDIR)/bin/programs $(GO) install -ldflags "$(LDFLAGS)" $(GATEWAY)

e2e: build killpoints gateway ## run the journeys on lab hosts, and the tests of real programs
	bin/provision bundle pull $(INVENTORY)
	$(GO) test -tags killpoints ./provision/internal/killpoint
	$(GO) test -tags lab -count=1 -timeout 20m ./provision/lab
	$(GO) run ./test/e2e/programs bin/programs $(INVENTORY)
	PROVISION_TEST_BIN=$(CURDIR)/bin/programs $(GO) test -tags cluster -p 1 -count=1 -timeout 20m $(CLUSTER_TESTS)
	$(GO) test -tags e2e -count=1 -timeout 90m -v ./test/e2e

test: deps build ## run everything
	$(MAKE) unit lint e2e soaks

soaks: ## list the soaks, and which of their results are stale
	@$(GO) run ./test/soak/stale

bench: build ## measure, print a table
	$(GO) test -tags bench -count=1 -timeout 30m -v ./test/bench

faults: ## merge what tests recorded of faults into docs/faults.md
	$(GO) run ./test/faults/render

soak: build killpoints ## run what is too long for test; writes test/soak/results
	$(GO) test -tags e2e,soak -count=1 -timeout 170m -v -run TestSoak ./test/e2e

clean: ## remove what was built
	rm -rf bin provision/internal/agentbin/*/provision-*
