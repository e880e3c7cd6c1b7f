# Portero. The two commands that matter: `make demo` and `make test`. Everything they need they install.
# PBX=kamailio   make demo through a real Kamailio     SECONDS=60  length of each fuzz run
# SEEDS=0:20     seeds of make soak                    PYTHON=…    the interpreter of the virtual environment
# KILLS=1000     processes killed by make kill

PYTHON  ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV    := .venv
BIN     := $(VENV)/bin
SECONDS ?= 60
SEEDS   ?= 0:20
KILLS   ?= 1000
PBX     ?=
RUN_PACKAGES := $(shell sed -n '/^\# -- run/,/^\# -- tests/{/^[a-z]/p}' packages.apt)
ALL_PACKAGES := $(shell sed -n '/^\# -- audio benchmark/q;/^[a-z]/p' packages.apt)
AUDIO_PACKAGES := $(shell sed -n '/^\# -- audio benchmark/,/^\# -- appliance/{/^[a-z]/p}' packages.apt)
BOOT_PACKAGES := $(shell sed -n '/^\# -- boot/,/^\# -- audio benchmark/{/^[a-z]/p}' packages.apt)
IMAGE_PACKAGES := $(BOOT_PACKAGES) $(shell sed -n '/^\# -- appliance/,/^\# -- emulator/{/^[a-z]/p}' packages.apt)
EMULATOR_PACKAGES := $(shell sed -n '/^\# -- emulator/,$$ {/^[a-z]/p}' packages.apt)
ARCH    ?=
BOARD   ?= pi-arm64
IMAGE    = out/image/portero-$(BOARD).img
# Who signs updates, and whom a flashed device believes; without them an authority for development, made once in out/keys
export PORTERO_UPDATE_CA := $(or $(CA),$(PORTERO_UPDATE_CA))
export PORTERO_UPDATE_CERT := $(or $(CERT),$(PORTERO_UPDATE_CERT))
export PORTERO_UPDATE_KEY := $(or $(KEY),$(PORTERO_UPDATE_KEY))
# A kernel with SCTP and AppArmor for machines whose own has neither, and what loads its modules; Debian has it for amd64 alone.
USER_MODE_PACKAGES := $(if $(filter amd64,$(shell dpkg --print-architecture 2>/dev/null)),user-mode-linux kmod)
NATIVE_SOURCES := $(wildcard native/*.py native/*.h native/include/*.h native/src/*.c native/srtp/*.c native/dtls/*.c)
DECODE_TESTS := $(patsubst hw/decode/%.py,tests/hw/test_%.py,$(filter-out %/__init__.py %/sighting.py,$(wildcard hw/decode/*.py)))
APT := $(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get
# Where Debian has daemons and what makes file systems; an ordinary user's path ends before.
export PATH := $(PATH):/usr/sbin:/sbin
# Tests start hundreds of interpreters: each would compile the whole program anew, as pytest would its tests.
unexport PYTHONDONTWRITEBYTECODE
# What a door keeps is written through to the disk, for which its tests would mostly wait: theirs is memory, where there is plenty.
MEMORY := $(shell [ "$$(df --output=avail -B1M /dev/shm 2>/dev/null | tail -1)" -ge 1024 ] 2>/dev/null && echo /dev/shm)
unit: export PYTEST_DEBUG_TEMPROOT := $(or $(PYTEST_DEBUG_TEMPROOT),$(MEMORY),$(TMPDIR),/tmp)
# One more than there are cores: some tests wait for real processes and for sound at its own pace.
WORKERS := $(shell echo $$(($$(nproc) + 1)))
# Tests with real peers mostly wait: for a call at its own pace, for somebody who is gone.
CALLS := $(shell echo $$(($$(nproc) * 2)))
, := ,
say = @printf '\033[1;36m»\033[0m %s\n' "$(1)"

.PHONY: demo test check lint types unit coverage native-check interop interop-sctp sim sim-tests sim-calls sim-station soak soak-calls kill fuzz bench bench-audio bench-echo torture install apt-run apt-all clean help

help:
	@sed -n '1,4p' Makefile; grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

# install-missing LIST: asks dpkg first, so that a machine that has everything needs no root and no network
define install-missing
	@missing=$$(dpkg-query -W -f='$${db:Status-Status} $${Package}\n' $(1) 2>/dev/null | sed -n 's/^installed //p' | sort > .have.tmp; \
	  printf '%s\n' $(1) | sort | comm -23 - .have.tmp | tr '\n' ' '; rm -f .have.tmp); \
	if [ -n "$$missing" ]; then printf '\033[1;36m»\033[0m Installing Debian packages: %s\n' "$$missing"; \
	  $(APT) update -qq && $(APT) install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef

apt-run:
	$(call install-missing,$(RUN_PACKAGES) $(if $(PBX),$(PBX)))
apt-all:
	$(call install-missing,$(ALL_PACKAGES))

$(VENV)/pyvenv.cfg: | apt-run
	$(call say,Making the virtual environment $(VENV) with $(PYTHON))
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml $(NATIVE_SOURCES) | $(VENV)/pyvenv.cfg
	$(call say,Installing Python packages and building the media core)
	@$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

# In one step with the program: pip would build the media core a second time.
$(VENV)/.dev: pyproject.toml $(NATIVE_SOURCES) | $(VENV)/pyvenv.cfg
	$(call say,Installing Python packages and the tools for tests$(,) building the media core)
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $(VENV)/.run $@

demo: apt-run $(VENV)/.run ## a press, a call, an opened door; leaves out/demo/demo-report.html
	@$(BIN)/portero demo --out out/demo $(if $(PBX),--pbx $(PBX))

# Property tests try all their examples here, the same as in continuous integration.
test: export CI := $(or $(CI),true)
test: apt-all $(VENV)/.dev ## everything that must pass: check, simulator, torture messages, boot loader, interop
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory --output-sync -j $(shell nproc) coverage sim
	@$(MAKE) --no-print-directory torture boot interop

check: $(VENV)/.dev ## the inner loop, about a minute: property tests try a quarter of their examples
	@$(MAKE) --no-print-directory --output-sync -j $(shell nproc) lint types native-check
	@$(MAKE) --no-print-directory unit

lint: $(VENV)/.dev
	$(call say,ruff)
	@$(BIN)/ruff check -q . && $(BIN)/ruff format -q --check .

types: $(VENV)/.dev
	$(call say,mypy --strict)
	@$(BIN)/mypy --no-error-summary

unit: $(VENV)/.dev
	$(call say,unit tests)
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests --ignore=tests/interop --ignore=tests/appliance --ignore=tests/sim

coverage: $(VENV)/.dev ## every branch of the door and of the decoders is taken by a test of their own
	$(call say,branches of the door and of the decoders)
	@CI=true $(BIN)/python -m coverage run --branch --source=firmware/door,hw/decode -m pytest -q tests/door $(DECODE_TESTS)
	@$(BIN)/python -m coverage report --show-missing --skip-covered --fail-under=100

native-check: $(VENV)/.dev
	$(call say,media core: gcc and clang$(,) sanitizers)
	@$(MAKE) --no-print-directory -s -C native $(if $(findstring jobserver,$(MAKEFLAGS)),,-j $(shell nproc)) check

sim: sim-tests sim-calls sim-station ## ten thousand calls, and ten thousand presses of a whole station, in the simulator

sim-tests: $(VENV)/.dev
	$(call say,simulator)
	@$(BIN)/python -m pytest -q -n auto --dist worksteal tests/sim

sim-calls: $(VENV)/.dev
	$(call say,calls in the simulator)
	@$(BIN)/python -m tests.sim.soak --seeds 0:1 --calls 8000
	@$(BIN)/python -m tests.sim.soak --seeds 1:21 --calls 100

sim-station: $(VENV)/.dev
	$(call say,whole station in the simulator)
	@$(BIN)/python -m tests.sim.station.soak --seeds 0:14 --hours 2.5 --pace 10 --gap 200

soak: $(VENV)/.dev ## more of them: make soak SEEDS=0:100
	@$(BIN)/python -m tests.sim.soak --seeds $(SEEDS) --calls 10000
	@$(BIN)/python -m tests.sim.station.soak --seeds $(SEEDS) --days 30

soak-calls: apt-all $(VENV)/.dev ## ten thousand calls begun and ended in one running door; what stays behind, as JSON in out/bench
	@$(BIN)/python -m tests.bench.bench_soak

kill: $(VENV)/.dev ## kill -9 in the middle of writes to the journal and the store of users: make kill KILLS=1000
	$(call say,$(KILLS) kills of whoever writes the journal$(,) and of whoever changes users)
	@PORTERO_KILLS=$(KILLS) $(BIN)/python -m pytest -q --timeout=0 tests/app/journal/test_kill.py tests/app/users/test_store_kill.py

interop: apt-all $(VENV)/.dev ## real peers: Kamailio, baresip, SIPp, linphone, PulseAudio; writes tests/interop/MATRIX.md
	$(call install-missing,$(USER_MODE_PACKAGES))
	$(call say,interoperability with real peers)
	@$(BIN)/python -m pytest -q -n $(CALLS) --dist worksteal --timeout=900 tests/interop

interop-sctp: apt-all $(VENV)/.dev ## calls over SCTP alone, in a guest whose kernel has it
	$(call install-missing,$(USER_MODE_PACKAGES))
	@$(BIN)/python -m tests.interop.sctp.guest

torture: $(VENV)/.dev ## the messages of RFC 4475 and RFC 5118 against the running program, over UDP and TCP
	$(call say,torture messages on the wire)
	@$(BIN)/python -m tests.torture

boot: apt-all $(VENV)/.dev ## the boot loader's choice of a slot, under U-Boot on an emulated board
	$(call say,boot loader on an emulated board)
	@$(BIN)/python -m pytest -q $(BOOTED)

fuzz: apt-all $(VENV)/.dev ## every parser, SECONDS each: make fuzz SECONDS=60
	$(call say,fuzzing for $(SECONDS) s each)
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[fuzz]'
	@for target in tests/fuzz/fuzz_*.py; do \
	  name=$$(basename $$target .py); echo "== $$name, $(SECONDS) s"; \
	  $(BIN)/python -m tests.fuzz.$$name $(SECONDS) > $(VENV)/$$name.log 2>&1 || { tail -40 $(VENV)/$$name.log; exit 1; }; \
	  grep -h 'Done ' $(VENV)/$$name.log; done
	@$(MAKE) --no-print-directory -s -C native fuzz SECONDS=$(SECONDS)

bench: apt-all $(VENV)/.dev ## speed and memory against peers and floors; JSON in out/bench
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[bench]'
	@for name in parse requests start press call access door journal digits; do $(BIN)/python -m tests.bench.bench_$$name || exit 1; done
	@$(MAKE) --no-print-directory -s -C native bench

bench-audio: apt-all $(VENV)/.dev ## sound against the aims: PESQ, PLCMOS, delay; tables, JSON and pictures in out/bench
	$(call install-missing,$(AUDIO_PACKAGES))
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[audio]'
	@$(BIN)/python -m tests.bench.audio.virtual && $(BIN)/python -m tests.bench.audio.pauses && $(BIN)/python -m tests.bench.audio.real
	@$(MAKE) --no-print-directory -s -C native bench-playout

bench-echo: apt-all $(VENV)/.dev ## echo cancellers side by side in simulated rooms (ROOMS="0 1": which); table, JSON and picture in out/bench
	$(call install-missing,$(AUDIO_PACKAGES))
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[audio]'
	@$(BIN)/python -m tests.bench.echo $(ROOMS)

# On emulated boards: a day of the door, what goes wrong on a wall, a Raspberry Pi 3, other systems for it.
EMULATED := $(addprefix tests/appliance/,test_door.py test_misfortunes.py test_raspberry_pi.py test_update.py test_way_back.py test_new_start.py)
BOOTED := tests/appliance/test_boot_script.py
.PHONY: boot deb image bundle emulate emulate-door reproduce appliance sbom cve
deb: apt-run $(VENV)/.dev ## the Debian package, into out/image: make deb ARCH="amd64 arm64 armhf"
	$(call install-missing,$(IMAGE_PACKAGES))
	@$(BIN)/python -m image.package $(ARCH)

sbom: $(VENV)/.dev ## the bill of materials of the package, as SPDX, into out/image
	@$(BIN)/python -m image.sbom out/image/portero.spdx.json && echo out/image/portero.spdx.json

cve: sbom ## known holes in it, from files: make cve DEBIAN=tracker.json OSV=folder
	@$(BIN)/python -m image.cve out/image/portero.spdx.json $(if $(DEBIAN),--debian $(DEBIAN)) $(if $(OSV),--osv $(OSV))

image: apt-run $(VENV)/.dev ## the flashable image for Raspberry Pi, into out/image (root; BOARD=pi5-arm64: for the 5)
	$(call install-missing,$(IMAGE_PACKAGES))
	@$(BIN)/python -m image.build --board $(BOARD)

bundle: apt-all $(VENV)/.dev ## a signed update from the image, beside it: make bundle CA=ca.pem CERT=signer.pem KEY=signer.key; docs/updates.md
	$(call install-missing,$(IMAGE_PACKAGES))
	@$(BIN)/python -m image.build --board $(BOARD) --unless-built
	@$(BIN)/python -m image.bundle $(IMAGE)

emulate: apt-all $(VENV)/.dev ## the image on emulated boards side by side: from an edited file to an opened door, what goes wrong on a wall, updates (root)
	$(call install-missing,$(IMAGE_PACKAGES) $(EMULATOR_PACKAGES))
	@$(BIN)/python -m image.build --board $(BOARD) --unless-built
	@PORTERO_IMAGE=$${PORTERO_IMAGE:-$(CURDIR)/$(IMAGE)} $(BIN)/python -m tests.appliance.side_by_side

emulate-door: apt-all $(VENV)/.dev ## the first part of it, without updates (root)
	$(call install-missing,$(IMAGE_PACKAGES) $(EMULATOR_PACKAGES))
	@$(BIN)/python -m image.build --board $(BOARD) --unless-built
	@PORTERO_IMAGE=$${PORTERO_IMAGE:-$(CURDIR)/$(IMAGE)} $(BIN)/python -m tests.appliance.side_by_side --door

reproduce: apt-run $(VENV)/.dev ## build the image of the last commit twice, in two places, and compare (root, minutes)
	$(call install-missing,$(IMAGE_PACKAGES))
	@$(BIN)/python -m image.reproduce $(BOARD)

appliance: apt-run $(VENV)/.dev ## the package on clean Debian 12 and 13: installed, upgraded, removed, purged; behind AppArmor (root, minutes)
	$(call install-missing,$(IMAGE_PACKAGES) $(USER_MODE_PACKAGES))
	@$(BIN)/python -m pytest -q tests/appliance $(addprefix --ignore=,$(EMULATED) $(BOOTED))

install: ## on a board: program, unit, user, device rules, example configuration (root)
	@PYTHON=$(PYTHON) sh systemd/install.sh

clean: ## remove what was built
	rm -rf $(VENV) build out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -o -name '*.so' -path './firmware/*' | xargs rm -rf
