.DEFAULT_GOAL := help
SHELL := /bin/bash
MODULES := gen gateway services services/platform test
PKGS := ./gateway/... ./services/... ./services/platform/... ./test/bench/... ./test/harness/... ./test/imports/... ./test/media/... ./test/smoke/...
BUF := $(CURDIR)/bin/buf
LINT := $(CURDIR)/bin/golangci-lint
CONTROLLER_GEN := $(CURDIR)/bin/controller-gen
WEB := web/node_modules/.package-lock.json
IMAGES := $(CURDIR)/bin/images
CHART_TOOLS := $(addprefix bin/,helm helm-unittest kubeconform kustomize promtool)
KAFKA ?= 9092
HOSTILE_FOR ?= 30m
TAG ?= dev
VERSION ?= dev

help: ## This list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

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
	go test -count=1 -run 'Test[^L]' ./test/cluster
	go test -count=1 ./test/contract/...

test-race: build ## Unit tests with the race detector, but for the operator (Kubernetes' libraries take too long to build).
	bin/devinfra run -- go test -race -short -timeout 20m $$(go list ./gateway/... ./services/... ./services/platform/... | grep -v -e /cmd/ -e /operator)

test-durable: build ## Kill the standalone while clients act, then check that nothing acknowledged is lost.
	go test -count=1 -timeout 20m ./test/durability/...

test-hostile: build ## Attack the standalone, and stop a process of the mesh, beside honest clients. Ten minutes.
	go test -count=1 -timeout 40m -v ./test/hostile/...

test-hostile-long: build ## All attacks at once for HOSTILE_FOR beside honest clients: nothing acknowledged is lost.
	DOUYIN_HOSTILE_FOR=$(HOSTILE_FOR) go test -count=1 -timeout 3h -v -run AllAttacksAtOnce ./test/hostile/...

test-mesh: build ## The contract suite against the mesh.
	DOUYIN_MODE=mesh go test -count=1 ./test/contract/...

test-cycle: test-cycle-standalone test-cycle-mesh ## The contract suite twice on the same data, then after kill -9, in both modes.

test-cycle-standalone test-cycle-mesh: test-cycle-%: build
	DOUYIN_MODE=$* go test -count=1 -timeout 20m ./test/cycle/...

test-infra: test-infra-real test-infra-embedded test-kafka ## Service suites and contract: on Apache Kafka and Redis, then on what is embedded.

test-kafka: build ## The bus and the broker's operator against an Apache Kafka of their own.
	DOUYIN_TEST_KAFKA_START=1 go test -count=1 -run ApacheKafka ./services/platform/bus/kafkatest ./services/operator/broker

test-infra-real test-infra-embedded: test-infra-%: build
	bin/devinfra run --infra=$* -- go test -count=1 ./services/... ./services/platform/{bus,outbox,inbox,cache,limit,id,pg}/...
	DOUYIN_TEST_INFRA=$* go test -count=1 -timeout 20m ./test/contract/...

test-durable-infra: build ## A short kill -9 run: on Apache Kafka and Redis, then on what is embedded.
	@set -e; for kind in real embedded; do echo "== $$kind"; \
	  DOUYIN_TEST_INFRA=$$kind DOUYIN_OPS=1000 DOUYIN_KILLS=1 go test -count=1 ./test/durability/...; done

test-limits: build ## The upload limit at its real size, 256 MiB.
	DOUYIN_UPLOAD_LIMIT=268435456 go test -count=1 -timeout 20m -run UploadsUpTo ./test/contract/...

test-operator: ## The operator against a real API server; KUBEBUILDER_ASSETS has kube-apiserver, etcd and kubectl.
	@test -n "$$KUBEBUILDER_ASSETS" || { echo "KUBEBUILDER_ASSETS must name a directory with kube-apiserver, etcd and kubectl"; exit 1; }
	go test -tags envtest -count=1 -timeout 30m -parallel 3 ./services/operator/envtest/

web: $(WEB) ## The web client with changes visible at once, on port 5173; the API is that of make up.
	cd web && npm run --silent dev

test-web: test-web-unit test-browser ## The web client: types, lint, unit tests, then in Chromium against a platform of its own.

test-web-unit: $(WEB)
	cd web && npm run --silent check && npm run --silent test

test-browser: build $(WEB)
	go test -count=1 -timeout 20m -v ./test/browser

FUZZTIME ?= 30s
fuzz: ## Each fuzz target in the tree for FUZZTIME, 30 s.
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' gateway services test); do \
	  for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
	    echo "== $$name in $$(dirname $$file)"; \
	    go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file); done; done

bench: build ## Measure beside the machine's limits (docs/benchmarks.md); needs a quiet machine and twenty minutes.
	go run ./test/bench

bench-growth: build ## Measure what requests cost as the data grow; adds to results.json.
	go run ./test/bench growth

bench-soak: build ## Watch memory over an hour's worth of requests; adds to results.json.
	go run ./test/bench soak

bench-code: build ## Benchmarks beside the hot code: time, processor time and allocations.
	bin/devinfra run -- go test -run '^$$' -bench . -benchmem -benchtime 0.3s ./gateway/... ./services/{counter,interaction} ./services/platform/{auth,cache,id,limit,memhttp,pg,rpc,telemetry}

images: $(IMAGES) ## Every service as an image archive in dist/images, with a bill of materials.
	@echo "building every service for the images: a few minutes the first time, each archive is named when it is done"
	$(IMAGES) build --tag $(TAG) --version $(VERSION)

images-dev: $(IMAGES) ## Postgres, Redis, and the embedded broker and store, as images.
	$(IMAGES) build --dev

images-sizes: $(IMAGES) ## Write the sizes of built images into docs/images.md.
	$(IMAGES) sizes --page docs/images.md

chart-test: $(CHART_TOOLS) ## Lint, unit-test and check charts, alerts and Kustomize.
	go build -o bin/ ./services/cmd/standalone ./test/smoke
	bin/helm lint --strict charts/douyin --set dev.enabled=true
	bin/helm lint --strict charts/douyin-crds
	bin/helm-unittest charts/douyin
	cd charts/check && GOWORK=off go test -count=1 ./...

cluster-test: images images-dev ## From nothing to a verified install in the cluster of KUBECONFIG.
	$(IMAGES) build --out dist/next --tag next --version next
	go test -count=1 -v -timeout 60m ./test/cluster

demo-media: ## Draw the clips that a fresh platform shows (needs ffmpeg; several minutes).
	cd tools/demo && GOWORK=off go run . ../../services/standalone/demo

kafka: ## Run a real Apache Kafka on localhost:9092 (needs Java 17 and Maven).
	@echo "building, and the first time downloading Apache Kafka with Maven: a few minutes; a line says when it is ready"
	@go run ./services/cmd/kafka --port $(KAFKA)

generate: $(BUF) $(CONTROLLER_GEN) $(WEB) ## Generate gen/ from proto/, gateway/rest/douyin.yaml and web/, and the custom resources from their Go types.
	rm -rf gen/douyin gen/es/douyin
	$(BUF) generate
	$(BUF) generate --template web/buf.gen.yaml
	cd web && npm run --silent build
	$(BUF) build --path proto/douyin/api/v1 --exclude-imports --as-file-descriptor-set -o gen/douyin.binpb
	cd services && $(CONTROLLER_GEN) object crd paths=./operator/api/... output:crd:dir=../charts/douyin-crds/files

lint: $(BUF) $(LINT) ## Lint protos and Go.
	$(BUF) lint
	$(BUF) format -d --exit-code
	@for m in $(MODULES); do [ $$m = gen ] || (cd $$m && $(LINT) run ./...) || exit 1; done

GENERATED := gen services/operator/api charts/douyin-crds/files
fresh: generate ## Fail when generated code is not what its source says.
	git diff --exit-code -- $(GENERATED)
	@test -z "$$(git ls-files --others --exclude-standard $(GENERATED))"

breaking: $(BUF) ## Fail when the protos break clients of the main branch.
	$(BUF) breaking --against '.git#branch=main'

$(WEB): web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund

$(BUF): tools/buf/go.sum
	cd tools/buf && GOWORK=off go build -o $(BUF) github.com/bufbuild/buf/cmd/buf

$(LINT): tools/golangci-lint/go.sum
	cd tools/golangci-lint && GOWORK=off go build -o $(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(CONTROLLER_GEN): tools/controller-gen/go.sum
	cd tools/controller-gen && GOWORK=off go build -o $(CONTROLLER_GEN) sigs.k8s.io/controller-tools/cmd/controller-gen

$(IMAGES): $(wildcard tools/images/*.go) tools/images/go.sum
	cd tools/images && GOWORK=off go build -o $(IMAGES) .

$(CHART_TOOLS): bin/%: tools/%/go.sum
	cd tools/$* && GOWORK=off go build -o $(CURDIR)/bin/ tool

clean: ## Remove binaries. Data stays.
	rm -rf bin dist

.PHONY: help up mesh build test web test-web test-web-unit test-browser test-race test-durable test-hostile test-hostile-long test-mesh test-cycle test-cycle-standalone test-cycle-mesh test-infra test-infra-real test-infra-embedded test-kafka test-limits test-operator fuzz bench bench-growth bench-soak bench-code \
	images images-dev images-sizes chart-test cluster-test demo-media kafka generate lint fresh breaking clean
