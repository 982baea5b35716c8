# Every target is one go command or one script of hack/. Only Go, git and make are needed, and nothing is downloaded
# but the tools of `make lint`.

# The compiled packages are shared between all checkouts of this machine by -trimpath: without it, the path of the
# checkout is part of every package, and each new directory compiles 3,000 packages again.
# -buildvcs=false: the state of git is not part of a build, so the same source gives the same binary.
export GOFLAGS := -trimpath -buildvcs=false -mod=vendor
# One setting for every binary, or each package would be compiled twice: static, and no C compiler needed.
# Only -race needs C.
export CGO_ENABLED := 0

# KEEP=1 leaves the demo's cluster running.
KEEP ?=
# What make perf measures: a label of the scheduler_perf cases in test/perf.
PERF_LABEL ?= short
# How often the other measurements of make perf-* measure everything.
PERF_REPS ?= 3
# The command that make image and make image-test build the image of: muster-scheduler or muster-images.
COMMAND ?= muster-scheduler
IMAGE ?= ghcr.io/muster-scheduler/$(COMMAND):latest
# How often make pulls runs each case, with other chance.
PULLS_SEEDS ?= 5

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show this list.
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  %-13s %s\n' "$$name" "$$text"; done

.PHONY: build
build: ## Build every command into bin/.
	@hack/build.sh

.PHONY: demo
demo: ## Run gangs on a simulated cluster on this machine and tell what happens; KEEP=1 leaves it running.
	@hack/build.sh muster-sandbox >/dev/null
	@bin/muster-sandbox demo $(if $(KEEP),--keep)

.PHONY: test
test: unit integration perf ## Run all tests, and the shortest measurements once.

.PHONY: unit
unit: ## Run the tests of single packages, with the race detector if there is a C compiler.
	@hack/unit.sh

.PHONY: integration
integration: ## Run the scheduler against a real API server, and the sandbox.
	go test -vet=off -p=1 -count=1 -timeout=20m ./test/integration/... ./test/sandbox

.PHONY: page
page: ## Test the page of kubectl muster ui in Chromium, with pictures in .cache/page.
	@hack/page.sh

.PHONY: scale
scale: ## Wake 50 gangs of up to 1,000 members on 1,000 nodes, one after the other; three minutes.
	go test -vet=off -count=1 -timeout=20m -v -run=AtScale ./test/integration -args -at-scale

.PHONY: fits
fits: ## Ask for 1,000 random gangs and pods whether they fit, replay the answers, and create them; four minutes.
	go test -vet=off -count=1 -timeout=20m -v -run=TestFitSays ./test/integration -args -fits=1000

.PHONY: perf
perf: ## Measure the scheduler; PERF_LABEL chooses the cases.
	@mkdir -p .cache/perf
	go test -vet=off -timeout=60m -run='^$$' -bench=. -benchtime=1ns ./test/perf/... \
		-args -v=0 -perf-scheduling-label-filter=$(PERF_LABEL) -data-items-dir=$(CURDIR)/.cache/perf

.PHONY: perf-gangs
perf-gangs: ## Measure gangs beside native ones and add to .cache/perf/gangs; 20 minutes for each of PERF_REPS.
	go test -vet=off -timeout=0 -run='^$$' -bench='^BenchmarkGangs$$' -benchtime=1ns ./test/perf -args -v=0 -gang-reps=$(PERF_REPS) \
		-gang-shapes=1000x3,3000x3,3x1000,9x1000 -gang-modes=held,live -gang-out=$(CURDIR)/.cache/perf/gangs

.PHONY: perf-waiting
perf-waiting: ## Measure plain pods beside 100 waiting gangs and add to .cache/perf/waiting; 10 minutes for each of PERF_REPS.
	go test -vet=off -timeout=0 -run='^$$' -bench=Waiting -benchtime=1ns ./test/perf -args -v=0 -waiting-reps=$(PERF_REPS) \
		-waiting-variants=none,strangers,gangs -waiting-shape=100x1000 -waiting-nodes=5000 -waiting-bursts=5x2000 \
		-waiting-out=$(CURDIR)/.cache/perf/waiting

.PHONY: perf-plain
perf-plain: ## Measure pods without a gang beside the default scheduler and add to .cache/perf/plain; 10 minutes for each of PERF_REPS.
	go test -vet=off -timeout=0 -run='^$$' -bench='^BenchmarkPlainPods$$' -benchtime=1ns ./test/perf -args -v=0 -plain-reps=$(PERF_REPS) \
		-plain-nodes=5000 -plain-bursts=5x2000 -plain-out=$(CURDIR)/.cache/perf/plain

.PHONY: perf-images
perf-images: ## Play traces of make pulls on a real control plane and add to .cache/perf/images; 50 minutes for each of PERF_REPS.
	go test -vet=off -timeout=0 -run='^$$' -bench='^BenchmarkImages$$' -benchtime=1ns ./test/perf -args -v=0 -images-reps=$(PERF_REPS) \
		-images-traces=shop,catalog -images-schedulers=muster,seeding,default -images-nodes=120 -images-seconds=2400 -images-speed=5 \
		-images-out=$(CURDIR)/.cache/perf/images

.PHONY: perf-kubelets
perf-kubelets: ## The same on 20 real kubelets, at twice the trace's speed; 15 minutes for each of PERF_REPS.
	go test -vet=off -timeout=0 -run='^$$' -bench='^BenchmarkImages$$' -benchtime=1ns ./test/perf -args -v=0 -images-reps=$(PERF_REPS) \
		-images-traces=shop -images-schedulers=muster,default -images-kubelets -images-nodes=20 -images-seconds=900 -images-speed=2 \
		-images-out=$(CURDIR)/.cache/perf/images

.PHONY: pulls
pulls: ## Evaluate placement by images in a simulated cluster and write test/pulls/results; PULLS_SEEDS runs of each case.
	go run ./test/pulls -seeds=$(PULLS_SEEDS)

.PHONY: lint
lint: ## Run golangci-lint, vet and staticcheck.
	@hack/lint.sh

.PHONY: update
update: ## Format the code and bring go.mod and vendor/ up to date.
	@hack/update.sh

.PHONY: verify
verify: ## Check that nothing is left for make update, lint, and the rules of pkg/architecture.md.
	@hack/verify.sh

.PHONY: image
image: ## Build the container image of COMMAND, named IMAGE.
	@hack/image.sh $(COMMAND) $(IMAGE)

.PHONY: image-test
image-test: ## Build the image around bin/COMMAND with buildah, offline, and check it.
	@hack/build.sh $(COMMAND)
	@hack/image-test.sh $(COMMAND)

.PHONY: krew
krew: ## Make the archives of the krew plugin, and its manifest, in bin/krew.
	@hack/krew.sh

.PHONY: clean
clean: ## Remove what make built; Go's own cache stays.
	rm -rf bin dist .cache
