# `make help` lists the targets.
.DEFAULT_GOAL := help
PREFIX ?= $(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)
CARGO ?= cargo
ECO := target/release/eco
# FFmpeg's libraries make videos quicker (docs/video.md). Where their headers or clang are missing, eco is built without.
LIBAV ?= $(shell scripts/libav.sh)

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## fetch libtorch (skipped when LIBTORCH or LIBTORCH_USE_PYTORCH is set)
	@scripts/setup.sh light

.PHONY: setup-full
setup-full: ## fetch PyTorch with CUDA, for the tests and for GPUs
	@scripts/setup.sh full

.PHONY: build
build: setup decoder ## build the release binary, target/release/eco
	@$(CARGO) build --release

# Without libtorch, which would make each start of the worker longer than its work.
.PHONY: decoder
decoder: ## build the worker that decodes videos, target/release/eco-decode, where FFmpeg's headers are installed
	@$(if $(LIBAV),$(CARGO) build --release --no-default-features --features $(LIBAV) --bin eco-decode)

.PHONY: build-cpu
build-cpu: ## build eco without libtorch (nothing to fetch): target/cpu/release/eco
	@$(CARGO) build --release --no-default-features $(addprefix --features ,$(LIBAV)) --target-dir target/cpu

.PHONY: demo
demo: build ## classify the example clips with the embedded demo weights
	@scripts/demo.sh $(ECO)

.PHONY: test
test: setup-full decoder ## run every test against PyTorch
	@scripts/test.sh $(CARGO) test --release
	@$(if $(LIBAV),$(CARGO) test --no-default-features --features $(LIBAV) --target-dir target/cpu --bin eco-decode --test video_decoders)

.PHONY: bench
bench: build setup-full ## measure eco beside PyTorch, ONNX Runtime and OpenVINO
	@scripts/bench.sh $(BENCH)

.PHONY: check-cuda
check-cuda: build ## check that a GPU computes what the CPU computes (needs make setup-full)
	@$(ECO) bench --self-check --device cuda

.PHONY: bench-cuda
bench-cuda: build setup-full ## measure eco on a GPU beside PyTorch and ONNX Runtime
	@.venv/bin/python scripts/bench_cuda.py $(BENCH)

.PHONY: bench-load
bench-load: build setup-full ## measure loading and importing weights beside PyTorch
	@.venv/bin/python scripts/bench_load.py $(BENCH)

.PHONY: bench-train
bench-train: build setup-full ## train on a made-up set of clips and measure accuracy and time
	@.venv/bin/python scripts/bench_train.py $(BENCH)

.PHONY: bench-video
bench-video: build-cpu ## measure decoding beside OpenCV, PyAV, torchcodec and decord
	@scripts/bench_video.sh $(BENCH)

.PHONY: test-cpu
test-cpu: ## test the library without libtorch, with debug assertions, and check the fuzz target
	@$(CARGO) test --no-default-features --target-dir target/cpu --lib
	@$(CARGO) check --manifest-path fuzz/Cargo.toml --target-dir target/cpu

.PHONY: test-scale
test-scale: build-cpu ## run the jobs of scripts/scale on Spark and Ray (1.5 GB to fetch) and compare their rows
	@[ -d target/scale-venv/ready ] || { python3 -m venv target/scale-venv \
		&& target/scale-venv/bin/pip install --quiet --disable-pip-version-check -r scripts/scale/requirements.txt \
		&& mkdir target/scale-venv/ready; }
	@target/scale-venv/bin/python scripts/scale/test_jobs.py target/cpu/release/eco $(BENCH)

.PHONY: lint
lint: setup ## rustfmt, clippy and rustdoc, warnings denied
	@$(CARGO) fmt --check
	@$(CARGO) clippy --release --all-targets -- -D warnings
	@$(CARGO) clippy --no-default-features $(addprefix --features ,$(LIBAV)) --target-dir target/cpu --all-targets -- -D warnings
	@$(if $(LIBAV),$(CARGO) clippy --no-default-features --target-dir target/cpu --lib --bins -- -D warnings)
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --no-deps

.PHONY: check
check: lint test-cpu test ## everything CI checks

KINDS ?= cpu libtorch
.PHONY: dist
dist: $(if $(findstring cpu,$(KINDS)),build-cpu) $(if $(findstring libtorch,$(KINDS)),build) ## make archives to hand out, in target/dist (KINDS="cpu libtorch")
	@python3 scripts/dist.py $(KINDS)

.PHONY: test-dist
test-dist: ## use the archives as somebody does who has nothing else
	@scripts/dist_test.sh target/dist/*.tar.gz

.PHONY: install
install: build ## install eco into PREFIX/bin (default: Cargo's)
	@install -d "$(PREFIX)/bin"
	@install -m 755 $(ECO) "$(PREFIX)/bin/eco"
	@$(if $(LIBAV),install -m 755 $(ECO)-decode "$(PREFIX)/bin/eco-decode")
	@echo "installed $(PREFIX)/bin/eco (it uses the libtorch it was built with)"
