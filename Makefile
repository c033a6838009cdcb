# Two commands for a start: `make serve` and `make test`. `make help` names the others.
# Another interpreter: make serve PYTHON=/path/to/python3.11

PYTHON ?= $(firstword $(shell for name in python3.11 python3 python; do $$name -c "" 2>/dev/null && echo $$name; done) python3.11)
SERVER := .venv
TRAIN := .venv-train
PEERS := .venv-peers
LOCK := .venv-lock
HASHED = $(LOCK)/bin/uv pip compile --quiet --upgrade --constraints constraints.txt --generate-hashes --universal \
	--python-version 3.11 --no-annotate --custom-compile-command 'make lock-images'
AUDIT := .venv-audit
RAY := .venv-ray
RELEASE := .venv-release
ADAPTERS := .venv-adapters
TAG ?=
CODE := docker docs model protos service tests

# Those under load take their time and want the machine for themselves, those of containers want an engine. The tests of
# training, and those that compare training with serving, need torch; all others must run without it.
LOAD_TESTS := tests/load
CONTAINER_TESTS := tests/containers
BROWSER_TESTS := tests/browser
RAY_TESTS := tests/ray
ADAPTER_TESTS := tests/adapters
DOCS_TESTS := tests/docs_live
VIDEO_TESTS := tests/video
TORCH_TESTS := $(filter-out tests/model/contract %/__pycache__ %.md,$(wildcard tests/model/*)) $(wildcard tests/parity)

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help serve test test-server test-train test-load test-fuzz test-containers soak audit test-browser \
	test-adapters test-docs test-kill test-batch-kill test-ray release train-env lint format types benchmark \
	benchmark-runtime benchmark-serve benchmark-peers size protos docs docs-pages zoo-page lock lock-images clean \
	test-video benchmark-video benchmark-folder

help:  ## Name the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1 ~ \2/p' $(MAKEFILE_LIST) | awk -F' ~ ' '{ printf "%-23s %s\n", $$1, $$2 }'

serve: $(SERVER)/.server  ## Install the CPU server and start it; settings: FASTERPOSE_HTTP_PORT=8080 make serve
	@exec $(SERVER)/bin/fasterpose serve

test: test-server test-train  ## Install what the tests need and run all of them

test-server: $(SERVER)/.dev  ## The tests of the server and of the contract, without torch
	@echo "Server tests, in $(SERVER) (without torch)"
	@$(SERVER)/bin/python -m pytest $(addprefix --ignore=,$(TORCH_TESTS) $(LOAD_TESTS) $(CONTAINER_TESTS) $(BROWSER_TESTS) $(RAY_TESTS) $(ADAPTER_TESTS) $(DOCS_TESTS) $(VIDEO_TESTS))

test-train: $(TRAIN)/.train  ## The tests of training, and those that compare it with the server
	@echo "Model tests, in $(TRAIN) (with torch)"
	@$(TRAIN)/bin/python -m pytest $(TORCH_TESTS)

test-load: $(SERVER)/.dev  ## Probe a running server under load: bursts, hang-ups, a crowd, SIGTERM; about a minute
	@$(SERVER)/bin/python -m pytest -q $(LOAD_TESTS)

test-fuzz: $(SERVER)/.dev  ## Fuzz routes, images, bodies and gRPC messages for long; `make test` does it in short
	@$(SERVER)/bin/python -m pytest -q --hypothesis-profile deep tests/fuzz

test-containers: $(SERVER)/.dev  ## Build the CPU image and try it and the stack of docker-compose.yml, with docker or podman
	@$(SERVER)/bin/python -m pytest -q $(CONTAINER_TESTS)
soak: $(SERVER)/.server  ## Mixed traffic for MINUTES (35), memory and descriptors watched; the plot goes into docs/images
	$(SERVER)/bin/fasterpose benchmark soak --minutes $${MINUTES:-35} --plot docs/images/soak.png

audit: $(AUDIT)/.audit  ## Look the pinned packages up among known vulnerabilities; needs PyPI
	@for lock in cpu gpu train; do echo "docker/requirements/$$lock.txt"; \
		$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes -r docker/requirements/$$lock.txt || exit 1; done
test-browser: $(SERVER)/.browser  ## The demo page in headless Chromium, which must be installed (Debian: apt-get install chromium)
	@$(SERVER)/bin/python -m pytest -q $(BROWSER_TESTS)

test-adapters: $(ADAPTERS)/.adapters  ## Let supervision, FiftyOne, Label Studio, Triton's client and nuclio's SDK take what we write for them
	@$(ADAPTERS)/bin/python -m pytest -q $(ADAPTER_TESTS)

test-docs: $(SERVER)/.dev  ## Follow README and docs block by block: servers, requests, and with .venv-train a small training; minutes
	@$(SERVER)/bin/python -m pytest -q $(DOCS_TESTS)

test-video: $(SERVER)/.dev  ## Track people in a film of a packaged photograph and over RTSP (GStreamer's server, if it is there); about a minute
	@$(SERVER)/bin/python -m pytest -q $(VIDEO_TESTS)

test-kill: $(TRAIN)/.train  ## Kill a tiny training 100 times at random moments and resume it; FASTERPOSE_KILLS=N for others
	@FASTERPOSE_KILLS=$${FASTERPOSE_KILLS:-100} $(TRAIN)/bin/python -m pytest -q tests/model/test_kill_loop.py

test-batch-kill: $(SERVER)/.dev  ## Kill a batch job 30 times at random moments and go on with it; FASTERPOSE_KILLS=N for others
	@FASTERPOSE_KILLS=$${FASTERPOSE_KILLS:-30} $(SERVER)/bin/python -m pytest -q tests/service/batch/test_job.py -k killed_again

test-ray: $(RAY)/.ray  ## Run the server and a batch job on a Ray cluster of two nodes, one of which is killed; minutes
	@$(RAY)/bin/python -m pytest -q -W ignore $(RAY_TESTS)

release: $(RELEASE)/.release  ## Build wheel, source and SBOM into dist/ and try the wheel; TAG=vX.Y.Z checks the tag too
	rm -rf dist build && mkdir -p build
	$(RELEASE)/bin/python .ci/changelog.py "$(TAG)" > build/notes.md
	$(RELEASE)/bin/python -m build --outdir dist .
	$(RELEASE)/bin/twine check --strict dist/*.whl dist/*.tar.gz
	$(PYTHON) -m venv build/server
	build/server/bin/pip install --quiet -c constraints.txt dist/*.whl
	cd build && server/bin/fasterpose models > models.txt
	build/server/bin/pip uninstall --quiet --yes pip setuptools
	$(RELEASE)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON \
		-o dist/fasterpose-server.cdx.json build/server/bin/python

train-env: $(TRAIN)/.train  ## Install what training needs, about 7 GB

lint: $(SERVER)/.dev  ## Check style with ruff
	$(SERVER)/bin/ruff check $(CODE)
	$(SERVER)/bin/ruff format --check $(CODE)

format: $(SERVER)/.dev  ## Mend style with ruff
	$(SERVER)/bin/ruff check --fix $(CODE)
	$(SERVER)/bin/ruff format $(CODE)

types: $(TRAIN)/.train  ## Check types with pyright
	$(TRAIN)/bin/pyright --pythonpath $(TRAIN)/bin/python

benchmark: $(TRAIN)/.train  ## Time the stages of a request, and the same networks in eager torch
	$(TRAIN)/bin/fasterpose benchmark

benchmark-runtime: $(TRAIN)/.train  ## Time the graphs in every precision and in eager torch, by batch size
	$(TRAIN)/bin/fasterpose benchmark runtime

benchmark-serve: $(SERVER)/.server  ## Load the server over every transport, its networks alone beside it
	$(SERVER)/bin/fasterpose benchmark serve

benchmark-peers: $(SERVER)/.server $(TRAIN)/.train $(PEERS)/.peers  ## Load LitServe, BentoML and plain FastAPI beside the server
	$(SERVER)/bin/fasterpose benchmark peers --peers-python $(PEERS)/bin/python --train-python $(TRAIN)/bin/python

benchmark-video: $(SERVER)/.dev  ## Track people in a film over PHOTOGRAPHS (the packaged ones): ids, jitter, rate against frame by frame
	$(SERVER)/bin/fasterpose benchmark video $(if $(PHOTOGRAPHS),--photographs $(PHOTOGRAPHS))

benchmark-folder: $(SERVER)/.server  ## Time `predict` on a folder: several images under way together beside one at a time
	$(SERVER)/bin/fasterpose benchmark folder $(if $(PHOTOGRAPHS),--photographs $(PHOTOGRAPHS))

size: $(SERVER)/.dev  ## Print what the server's packages take on disk
	@$(SERVER)/bin/python -m pytest -q -s tests/test_packaging.py -k megabytes

protos: $(SERVER)/.dev  ## Write the gRPC stubs in service/pb anew, after a change in protos/
	$(SERVER)/bin/python protos/generate.py

docs: $(SERVER)/.docs  ## Build the documentation's site into build/site; DOCS_SITE_URL=https://... where it will be
	@NO_MKDOCS_2_WARNING=1 $(SERVER)/bin/mkdocs build --quiet --strict --config-file docs/site/mkdocs.yml

docs-pages: $(SERVER)/.dev  ## Write the generated pages of docs anew, after a change of a setting, an error or the API
	$(SERVER)/bin/python -m docs.site.pages

zoo-page: $(SERVER)/.server  ## Write model/zoo/ZOO.md anew, after a change of a bundle
	$(SERVER)/bin/python -m service.zoo_page

lock: $(TRAIN)/.train  ## Take the newest versions of everything and write them into constraints.txt
	$(TRAIN)/bin/pip install --upgrade --upgrade-strategy eager -e '.[train,ray,dev,types,browser,client,docs,pseudo,video,heic]'
	@{ sed -n '/^#/p' constraints.txt; $(TRAIN)/bin/pip freeze --exclude-editable; } > constraints.new
	@mv constraints.new constraints.txt

# uv reads the hashes from the index and downloads no package. The train image gets one OpenCV, the headless one.
lock-images: $(LOCK)/.uv  ## Write the hashed package lists of the images, docker/requirements, by constraints.txt
	$(HASHED) docker/requirements/build.in --output-file docker/requirements/build.txt
	$(HASHED) pyproject.toml --output-file docker/requirements/cpu.txt
	$(HASHED) pyproject.toml --extra gpu --output-file docker/requirements/gpu.txt
	$(HASHED) pyproject.toml --extra train --no-emit-package opencv-python --output-file docker/requirements/train.txt

clean:  ## Remove the environments and what the tools left
	rm -rf .venv* build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find model service tests -name __pycache__ -type d -prune -exec rm -rf {} +

define make_environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "FasterPose needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)." >&2; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(1)/bin/pip || $(PYTHON) -m venv $(1)
endef

$(SERVER)/.server: pyproject.toml constraints.txt
	@echo "Installing the CPU server into $(SERVER): about half a gigabyte, once"
	$(call make_environment,$(SERVER))
	$(SERVER)/bin/pip install -c constraints.txt -e .
	@touch $@

$(SERVER)/.dev: $(SERVER)/.server
	@echo "Installing the test tools into $(SERVER), once"
	$(SERVER)/bin/pip install -c constraints.txt -e '.[dev,video,heic]'
	@touch $@

$(SERVER)/.browser: $(SERVER)/.dev
	$(SERVER)/bin/pip install -c constraints.txt -e '.[browser]'
	@touch $@

$(SERVER)/.docs: $(SERVER)/.dev
	$(SERVER)/bin/pip install -c constraints.txt -e '.[docs]'
	@touch $@

# The headless OpenCV goes last: its files must win in the folder that it shares with opencv-python (see pyproject.toml).
$(TRAIN)/.train: pyproject.toml constraints.txt
	@echo "Installing torch, torchvision and ultralytics into $(TRAIN): about 7 GB and some minutes, once"
	$(call make_environment,$(TRAIN))
	$(TRAIN)/bin/pip install -c constraints.txt -e '.[train,dev,types,browser,docs,video,heic]'
	$(TRAIN)/bin/pip install -c constraints.txt --force-reinstall --no-deps opencv-python-headless
	@$(TRAIN)/bin/python -c "import cv2, torchvision, ultralytics"
	@touch $@

# `--strict`: pip-audit passes over packages that it finds no entry for, and then says that nothing is known of them.
$(AUDIT)/.audit:
	@echo "Installing pip-audit into $(AUDIT), once"
	$(call make_environment,$(AUDIT))
	$(AUDIT)/bin/pip install pip-audit
$(RAY)/.ray: pyproject.toml constraints.txt
	@echo "Installing the server with Ray into $(RAY): about a gigabyte, once"
	$(call make_environment,$(RAY))
	$(RAY)/bin/pip install -c constraints.txt -e '.[ray,dev]'
	@touch $@

$(RELEASE)/.release: .ci/release.txt
	$(call make_environment,$(RELEASE))
	$(RELEASE)/bin/pip install -r .ci/release.txt
	@touch $@

$(ADAPTERS)/.adapters: pyproject.toml
	@echo "Installing supervision, FiftyOne, Label Studio's, Triton's and nuclio's packages into $(ADAPTERS): about 1 GB, once"
	$(call make_environment,$(ADAPTERS))
	$(ADAPTERS)/bin/pip install -e '.[adapters]'
	@touch $@

# The peers run the server's own code around the networks, so that they get its packages too. Not those of
# constraints.txt: BentoML wants others.
$(PEERS)/.peers: pyproject.toml service/bench/peers/requirements.txt
	@echo "Installing LitServe and BentoML into $(PEERS): about 0.6 GB, once"
	$(call make_environment,$(PEERS))
	$(PEERS)/bin/pip install -e . -r service/bench/peers/requirements.txt
	@touch $@

$(LOCK)/.uv:
	$(call make_environment,$(LOCK))
	$(LOCK)/bin/pip install 'uv==0.13.*'
	@touch $@
