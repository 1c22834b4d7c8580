# make check runs everything that must pass before a change goes in: for the
# root module and for every nested one, each as its users see it, without a
# workspace. The list of modules is found, never kept by hand.
#
# make check-module DIR=examples/foo checks a single module.

export GOWORK := off

MODULES := $(sort $(patsubst %/,%,$(dir $(shell find . -name .git -prune -o -name testdata -prune -o -name go.mod -print))))
TOOLS := $(CURDIR)/tools/go.mod
TESTFLAGS ?= -race -shuffle=on -timeout=20m

.PHONY: check check-module gofmt tidy vet staticcheck test

check:
	@set -e; for dir in $(MODULES); do $(MAKE) --no-print-directory check-module DIR=$$dir; done
	@echo "ok: all checks passed for: $(MODULES)"

DIR ?= .

check-module: gofmt tidy vet staticcheck test

# A nested module's files are listed once more with the root's; that is cheap.
gofmt:
	@echo "== $(DIR): gofmt"
	@list=$$(gofmt -l $(DIR)); test -z "$$list" || { echo "gofmt -w is needed for:"; echo "$$list"; exit 1; }

tidy:
	@echo "== $(DIR): go mod tidy -diff"
	@cd $(DIR) && go mod tidy -diff

# GOARCH=386 finds ints that do not fit and misaligned 64-bit atomics. cgo is
# off there, or a C compiler for it would be needed.
vet:
	@echo "== $(DIR): go vet"
	@cd $(DIR) && go vet ./...
	@echo "== $(DIR): GOARCH=386 go vet"
	@cd $(DIR) && GOARCH=386 CGO_ENABLED=0 go vet ./...

staticcheck:
	@echo "== $(DIR): staticcheck"
	@cd $(DIR) && go tool -modfile=$(TOOLS) staticcheck ./...

test:
	@echo "== $(DIR): go test $(TESTFLAGS)"
	@cd $(DIR) && go test $(TESTFLAGS) ./...
