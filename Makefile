# What developers run; `make check` before each commit, `bash .ci/run` does the same from nothing.
.PHONY: check check-all lint types quick slow long docs

check: lint types quick  ## format, lint, types, import contracts, and the quick tests

check-all: export CI = 1  # tests of properties try all of their examples
check-all: lint types docs quick slow long  ## everything that CI runs

lint:
	ruff format --check .
	ruff check .
	codespell
	lint-imports

types:
	mypy

quick:
	python -m pytest

slow:
	python -m pytest -m slow

long:  # one after the other: they watch the clock
	python -m pytest -m long -n 0

docs:
	mkdocs build --strict
