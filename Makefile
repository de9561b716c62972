.DEFAULT_GOAL := help
SHELL := /bin/bash
MODULES := gen gateway services services/platform test
PKGS := ./gateway/... ./services/... ./services/platform/... ./test/harness/... ./test/media/... ./test/imports/...
BUF := $(CURDIR)/bin/buf
LINT := $(CURDIR)/bin/golangci-lint
KAFKA ?= 9092

help: ## This list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

up: ## Run everything in one process, data under ./data, API on port 8080.
	@echo "building (the first time takes a few minutes)"
	@go build -o bin/ ./services/cmd/standalone
	@exec bin/standalone

mesh: build ## Run every service as a process of its own on this machine.
	@exec bin/mesh

build: ## Build every binary into bin/.
	@go build -o bin/ ./services/cmd/...

test: build ## Unit tests on real infrastructure, then the contract suite. Under ten minutes.
	bin/devinfra run -- go test $(PKGS)
	go test -count=1 ./test/contract/...

test-race: build ## The services' and the data kit's tests with the race detector.
	bin/devinfra run -- go test -race -short ./services/... ./services/platform/{pg,outbox,inbox,auth,fault,page}/...

test-durable: build ## Kill the standalone while clients act, then check that nothing acknowledged is lost.
	go test -count=1 -timeout 20m ./test/durability/...

test-mesh: build ## The contract suite against the mesh.
	DOUYIN_MODE=mesh go test -count=1 ./test/contract/...

test-cycle: build ## The contract suite twice on the same data, then after kill -9, in both modes.
	DOUYIN_MODE=standalone go test -count=1 -timeout 20m ./test/cycle/...
	DOUYIN_MODE=mesh go test -count=1 -timeout 20m ./test/cycle/...

kafka: ## Run a real Apache Kafka on localhost:9092 (needs Java 17 and Maven).
	@go run ./services/cmd/kafka --port $(KAFKA)

generate: $(BUF) ## Generate gen/ from proto/ and gateway/douyin.yaml.
	rm -rf gen/douyin
	$(BUF) generate
	$(BUF) build --path proto/douyin/api/v1 --exclude-imports --as-file-descriptor-set -o gen/douyin.binpb

lint: $(BUF) $(LINT) ## Lint protos and Go.
	$(BUF) lint
	$(BUF) format -d --exit-code
	@for m in $(MODULES); do [ $$m = gen ] || (cd $$m && $(LINT) run ./...) || exit 1; done

fresh: generate ## Fail when gen/ is not what the protos say.
	git diff --exit-code -- gen
	@test -z "$$(git ls-files --others --exclude-standard gen)"

$(BUF): tools/buf/go.sum
	cd tools/buf && GOWORK=off go build -o $(BUF) github.com/bufbuild/buf/cmd/buf

$(LINT): tools/golangci-lint/go.sum
	cd tools/golangci-lint && GOWORK=off go build -o $(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

clean: ## Remove binaries. Data stays.
	rm -rf bin

.PHONY: help up mesh build test test-race test-durable test-mesh test-cycle kafka generate lint fresh clean
