# The Pi cloud on one page of commands; `make` alone lists them.
# Runs as root, or with sudo for what needs root: the lab (up, down, images, test).

PYTHON  ?= $(shell test -x /usr/bin/python3 && echo /usr/bin/python3 || echo python3)
NODES   ?= 4
LAB     ?= picloud
DIR     ?= pillar/cloud
NODE    ?=
A       ?=
B       ?=
RACK    ?= rack1
FEN     ?=
PGN     ?=
DEPTH   ?=
FILES   ?=
ARGS    ?=
ONLY    ?=

BIN     := .venv/bin
STAMP   := .venv/.made
RUNLAB   = $(ENV) $(BIN)/python -m lab --name $(LAB)
ENV      = PYTHONPATH=.:_utils
CHECKED  = _engines _grains _log_handlers _modules _pillar _runners _states _utils bench firstboot/picloud-firstboot lab master/keep/authorized_keys salt/workloads tests tools

.DEFAULT_GOAL := help
.PHONY: help venv up down shell logs salt run swap spare swap-board exchange clone impostor powercut chess spark \
        validate schema check test test-apart test-shared test-integration test-lab test-slow bench images wheels \
        lint fmt clean

help: ## list the targets
	@echo "Usage: make <target> [NAME=value]; start with: make up"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' Makefile

venv: $(STAMP) ## make or refresh .venv from requirements.lock

# Packages of the lock are complete (--no-deps): timelib, a source package that Salt can do without,
# is left out; Salt itself is built from source, which is all Python. So no compiler is needed.
# Quiet twice: errors, without warnings of this machine's own settings of pip.
$(STAMP): pyproject.toml requirements.lock
	@for made in $(wildcard .venv $@); do test -w $$made || { echo "the .venv belongs to" \
	    "$$(stat -c %U $$made); run with sudo" >&2; exit 1; }; done
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || lab/host-packages python3-venv
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing $$(grep -c == requirements.lock) packages into .venv"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps \
	    -r requirements.lock || { echo "make venv: pip failed, see above; is the package index" \
	    "reachable? Then run it again." >&2; exit 1; }
	@touch $@

up: venv ## start a lab of NODES nodes (4; a number, ids, or all) with the web service; BARE=1 without
	@$(RUNLAB) up --nodes $(NODES) $(if $(BARE),--bare)

down: venv ## remove the lab and all it left: containers, network, volumes
	@$(RUNLAB) down

shell: venv ## a shell on the master, or on NODE=pi1
	@$(RUNLAB) shell $(if $(NODE),--node $(NODE))

logs: venv ## the journal of NODE=pi1, or of salt-master
	@$(RUNLAB) logs $(if $(NODE),--node $(NODE))

salt: venv ## run salt on the master: make salt ARGS="'pi*' test.ping"
	@$(RUNLAB) salt -- $(call quote,$(or $(ARGS),'*' test.ping))

run: ARGS = picloud.status
run: venv ## run a runner on the master: make run ARGS="picloud.rack rack1"
	@$(RUNLAB) run -- $(call quote,$(or $(ARGS),picloud.status))

swap: venv ## put a new card into NODE=pi1, and see it come back by itself
	@$(RUNLAB) swap "$(NODE)"

spare: venv ## put a spare card into a Pi that nobody knows, or into NODE=pi1
	@$(RUNLAB) spare "$(NODE)"

swap-board: venv ## put the card of NODE=pi1 into another board
	@$(RUNLAB) swap-board "$(NODE)"

exchange: venv ## exchange the boards of A=pi0 and B=pi1
	@$(RUNLAB) exchange "$(A)" "$(B)"

clone: venv ## run a copy of the card of NODE=pi1 in another Pi
	@$(RUNLAB) clone "$(NODE)"

impostor: venv ## let a Pi call itself NODE=pi1 with a key of its own
	@$(RUNLAB) impostor "$(NODE)"

powercut: venv ## cut the power of all nodes of RACK=rack1, and give it back
	@$(RUNLAB) powercut "$(RACK)"

chess: venv ## let the lab's nodes analyse FEN=startpos, or PGN=game.pgn; deeper with DEPTH=14
	@$(RUNLAB) chess --fen $(call quote,$(FEN)) --pgn $(call quote,$(PGN)) --depth "$(DEPTH)"

spark: venv ## count the words of FILES="a.txt b/*.txt" with Spark, in a lab of its own (LAB=spark)
	@$(ENV) $(BIN)/python -m lab --name $(if $(filter-out picloud,$(LAB)),$(LAB),spark) \
	    spark --files $(call quote,$(FILES))

quote = '$(subst ','\'',$(1))'

validate: venv ## check the description in DIR (pillar/cloud); every fault with file and line
	@$(ENV) $(BIN)/python -m tools.validate $(call quote,$(DIR))

schema: venv ## write the JSON Schema for editors and docs/description.md
	@$(ENV) $(BIN)/python -m tools.schema

lint: venv ## ruff, yamllint, salt-lint, mypy
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/yamllint --strict .
	@$(BIN)/salt-lint $$(find $(wildcard salt reactor) -name '*.sls')
	@$(ENV) $(BIN)/mypy

fmt: venv ## format the Python files
	@$(BIN)/ruff format $(CHECKED)
	@$(BIN)/ruff check --fix $(CHECKED)

QUICK = $(BIN)/pytest -q -n logical --maxprocesses 4 --dist loadfile tests/unit tests/functional

check: lint ## lint, unit and functional tests: no root, no network, no daemon
	@$(QUICK)

test: lint ## every level: check, then integration and lab tests (root)
	@test -n "$(wildcard /usr/lib/postgresql/*/bin/initdb)" -a -x /usr/sbin/iptables || \
	    lab/host-packages postgresql iptables
	@test -x /usr/games/stockfish -a -x /usr/games/pgn-extract -a -x /usr/bin/redis-server -a \
	    -d /usr/lib/python3/dist-packages/redis || \
	    lab/host-packages stockfish pgn-extract redis-server python3-redis
	@test -x /usr/sbin/mosquitto -a -x /usr/bin/mosquitto_pub -a \
	    -d /usr/lib/python3/dist-packages/paho || \
	    lab/host-packages mosquitto mosquitto-clients python3-paho-mqtt
	@test -n "$(wildcard /usr/lib/jvm/java-17-openjdk-*/bin/java)" || \
	    lab/host-packages openjdk-17-jre-headless
	@$(QUICK); quick=$$?; $(MAKE) --no-print-directory --keep-going --jobs=2 test-apart test-shared && exit $$quick

# Lab tests that start a lab of their own, and as many others as take the rest of that time.
APART = tests/lab/test_swarm_survives.py tests/lab/test_spark.py tests/lab/test_shipped.py
APART_LAB = PICLOUD_TEST_LAB=picloud-more PICLOUD_TEST_SUBNET=10.87.
TESTS = $(BIN)/pytest --durations=15 -m "not slow"

# Beside each other: a lab waits a lot. What is said of the first ones comes in one piece.
test-apart:
	@mkdir -p build; $(APART_LAB) $(TESTS) tests/integration $(APART) > build/$@.log 2>&1; \
	    status=$$?; cat build/$@.log; exit $$status

test-shared:
	@$(TESTS) tests/lab $(addprefix --ignore=,$(APART))

test-integration: ## those with masters and minions as processes, alone
	@$(TESTS) tests/integration

test-lab: ## those in containers, alone (root)
	@$(TESTS) tests/lab

test-slow: venv ## the tests that take minutes: whole cloud, what a swarm survives (root)
	@$(BIN)/pytest tests -m slow

bench: venv ## measure, ONLY=pillar|compile|placement|chess|highstate|lab|lab_all|swarm|swarm_all|admission|storm|rejoin; both sides in one run
	@$(ENV) $(BIN)/python -m bench $(ONLY)

images: venv ## build the lab's images and archives only
	@$(RUNLAB) images

wheels: venv ## put Salt's wheels into salt/salt_minion/wheels, for upgrades of nodes
	@$(RUNLAB) wheels

clean: venv ## make down, and remove images, archives, wheels and caches too
	@$(RUNLAB) clean
	@rm -rf .cache build .pytest_cache .mypy_cache .ruff_cache .hypothesis
