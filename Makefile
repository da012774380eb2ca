# Builds, runs, tests and measures Sori. `make` alone lists what there is.

.DEFAULT_GOAL := help
.PHONY: help build addon clib pack packages test conformance peer bench lint demo install clean
MAKEFLAGS += --no-builtin-rules

TARGET := $(or $(CARGO_TARGET_DIR),target)
NPM_CI := npm ci --no-audit --no-fund --loglevel=error

# npm writes this file at the end of each install: it is the stamp of the lock file it was made from.
installed = $(1)/node_modules/.package-lock.json

# The folders whose packages the tests need.
TEST_PACKAGES := $(patsubst %/package-lock.json,%,$(wildcard tests/adapters/package-lock.json \
	tests/browser/package-lock.json tests/frameworks/package-lock.json tests/node/package-lock.json tests/programs/package-lock.json \
	tests/types/package-lock.json examples/chat/package-lock.json))

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-11s %s\n' "$$name" "$$what"; done

build: addon clib ## The crate, the C library and the Node addon, optimised
	cargo build --release -p sori

pack: addon ## The npm packages, ready to publish, in target/npm
	node node-binding/pack.js $(TARGET)/npm

demo: addon $(call installed,examples/chat) ## The chat on http://localhost:3000 (PORT=3001 for another port)
	@cd examples/chat && exec node server.js

test: ## Everything that can be checked here (ONLY="clippy node" for some of it)
	@tests/setup.sh
	@tests/run.sh $(ONLY)

conformance: addon $(call installed,tests/versions) $(call installed,tests/next) ## What takes long or much room: every supported Node, Next.js
	@tests/run.sh conformance

peer: ## The five programs and the demo on npm's socket.io: are the tests right?
	@tests/setup.sh
	@tests/run.sh peer

bench: addon $(call installed,tests/bench) ## Side by side with socket.io, socketioxide, ws, and Bun if it is there (ARGS="--quick" for a short look)
	cargo build --release -p sori-bench-servers --features socketioxide
	cargo run --release -p sori-bench -- $(ARGS)

lint: ## Formatting, lock files and clippy
	@tests/run.sh format locks clippy

install: clib ## The C library into PREFIX=/usr/local (DESTDIR=... for a package)
	@PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" DESTDIR="$(DESTDIR)" \
		ffi-c/package/install.sh $(TARGET)/release/c

clean: ## Forget all that was built and installed here
	cargo clean
	rm -rf node-binding/sori.node node-binding/node_modules $(addsuffix /node_modules,$(TEST_PACKAGES) tests/bench tests/next tests/versions)

# ---- parts

# Renamed into place: a process that has the old addon loaded keeps it.
addon: $(call installed,node-binding)
	cargo build --release -p sori-node
	@for built in libsori_node.so libsori_node.dylib sori_node.dll; do \
		if [ -f "$(TARGET)/release/$$built" ]; then \
			cp "$(TARGET)/release/$$built" node-binding/sori.node.new && mv node-binding/sori.node.new node-binding/sori.node; \
		fi; \
	done
	@test -f node-binding/sori.node

# Header, shared and static library as they are installed, in target/release/c.
clib:
	cargo build --release -p sori-c
	@ffi-c/package/link.sh $(TARGET)/release/libsori.a $(TARGET)/release/c

packages: $(foreach folder,$(TEST_PACKAGES),$(call installed,$(folder)))

$(call installed,node-binding): node-binding/package-lock.json
	cd node-binding && $(NPM_CI) --omit=dev

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && $(NPM_CI)
