"""Every shell and Python block of README.md and docs/ runs, or says why it does not.

The blocks of a page run one after the other in one folder, as a reader would type them. The folder
holds short clips under the names that the pages use, and `SUBSTITUTIONS` are the only changes.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from reid_tracker.cli.main import COMMANDS, main
from tests.conftest import ROOT
from tests.docs.markdown import DATA, PAGES, RUN, Block, blocks_of
from tests.transport.servers import free_port

CLIP = ROOT / "demo" / "pedestrians.mp4"
CLIP_FRAMES = 30
"""Frames of each clip in the folder: enough for several people to be confirmed and stored."""
CLIPS = {
    "demo/pedestrians.mp4": 60,
    "video.mp4": 60,
    "entrance.mp4": 60,
    "hall.mp4": 90,
    "yard.mp4": 120,
    "door.mp4": 60,
}
"""Clips of the folder, and the frame of the demo clip at which each begins."""

SUBSTITUTIONS = {
    # The package under test is installed already; `.ci/run` types the whole lines.
    "python3 -m venv .venv && . .venv/bin/activate && pip install . && ": "",
    # The clip of the test is shorter.
    "in (174, 204, 234, 264):": "in (5, 10, 15, 20):",
    # A server of the test's own, so that none on the usual port is touched.
    "nats-server -js &": "nats-server -js -a 127.0.0.1 -p {port} -sd broker & sleep 2",
    "nats://127.0.0.1:4222": "nats://127.0.0.1:{port}",
    "127.0.0.1:9110": "127.0.0.1:{port}",
}

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
_TIME_LIMIT_S = 600


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clips and pictures that the pages name."""
    home = tmp_path_factory.mktemp("clips")
    (home / "frames").mkdir()
    (home / "demo").mkdir()
    for name, first in CLIPS.items():
        cut(home / name, first)
    for number, image in enumerate(pictures(60, 10)):
        cv2.imwrite(str(home / "frames" / f"{number:06d}.jpg"), image)
    return home


@pytest.fixture
def folder(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of that folder, in which `reid-track` is this checkout's."""
    home = Path(shutil.copytree(clips, tmp_path / "work"))
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, words in {"reid-track": "-m reid_tracker.cli.program", "python": ""}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        (tools / name).chmod(0o755)
    path = [str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(home)
    yield home
    shutil.rmtree(tmp_path, ignore_errors=True)


def pictures(first: int, count: int) -> Iterator[cv2.typing.MatLike]:
    """Yield `count` pictures of the demo clip."""
    clip = cv2.VideoCapture(str(CLIP))
    clip.set(cv2.CAP_PROP_POS_FRAMES, first)
    for _ in range(count):
        read, image = clip.read()
        assert read
        yield image
    clip.release()


def cut(path: Path, first: int, count: int = CLIP_FRAMES) -> None:
    """Write a short part of the demo clip."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (768, 576))
    for image in pictures(first, count):
        writer.write(image)
    writer.release()


def run(blocks: list[Block]) -> None:
    """Run blocks in order, in the working directory; the Python blocks of a page share names."""
    port = str(free_port())
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks:
        text = block.text
        for what, instead in SUBSTITUTIONS.items():
            text = text.replace(what, instead.replace("{port}", port))
        if block.language == "python":
            code = compile("\n" * block.line + text, str(block.page), "exec")
            exec(code, names)  # noqa: S102 - the documentation is ours
        elif block.language == "sh":
            shell(block, text)
        elif named := re.match(r"# (\w+\.yaml)\n", text):
            Path(named[1]).write_text(text, encoding="utf-8")


def shell(block: Block, text: str) -> None:
    """Run a shell block; programs that it leaves in the background are ended with it."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", text],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(_TIME_LIMIT_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        assert code == 0, f"{block.name} ended with {code}:\n{text}\n{output.read()}"


def of_page(mode: str) -> list[Path]:
    """Return the pages that have a block to run in this mode."""
    return list(dict.fromkeys(b.page for b in BLOCKS if b.mode == mode and b.language in RUN))


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", of_page("quick"), ids=page_name)
def test_quick_blocks(page: Path, folder: Path) -> None:
    run([block for block in blocks_of(page) if block.mode == "quick"])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", of_page("slow"), ids=page_name)
def test_all_blocks(page: Path, folder: Path) -> None:
    run([block for block in blocks_of(page) if block.mode != "skip"])


@pytest.mark.parametrize("what", SUBSTITUTIONS)
def test_a_page_has_what_is_substituted(what: str) -> None:
    assert any(what in block.text for block in BLOCKS), "no page has this text; was it reworded?"


def test_there_are_blocks_to_run() -> None:
    assert len(PAGES) > 20
    assert sum(block.language in RUN and block.mode != "skip" for block in BLOCKS) > 25


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_runs_or_says_why_not(block: Block) -> None:
    assert block.language in {*RUN, *DATA}, f"{block.name}: which language is it?"
    if block.mode == "skip":
        assert len(block.reason) > 10, f"{block.name} is skipped without a reason"


@functools.cache
def help_of(*command: str) -> str:
    """Return the help text of a command, wherever the terminal would break its lines."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return output.getvalue()


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every `reid-track` command of a shell block."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while "reid-track" in words:
            words = words[words.index("reid-track") + 1 :]
            ends = [i for i, word in enumerate(words) if word in {"&&", "&", ";", "|"}]
            yield words[: ends[0]] if ends else words


def unknown_options(words: list[str]) -> list[str]:
    """Return the options of a command that its help does not name."""
    command = [words[0]] if words[0] in {command.name for command in COMMANDS} else ["track"]
    command += words[1:2] if command[0] in {"gallery", "weights"} else []
    known = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", help_of(*command)))
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)]
    return [option for option in options if option not in known]


SHELL = [block for block in BLOCKS if block.language == "sh" and "reid-track" in block.text]


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.name)
def test_commands_name_options_that_exist(block: Block) -> None:
    """Those of blocks that need a camera or hours are checked, too."""
    for words in commands(block.text):
        if words:
            assert not unknown_options(words), f"{block.name}: {' '.join(words)}"


def test_the_check_of_options_sees_a_slip() -> None:
    (words,) = commands("reid-track \\\n  search 1 --galery people.sqlite  # a slip")
    assert unknown_options(words) == ["--galery"]
    (first, second) = commands("reid-track a.mp4 --shw && reid-track gallery purge --all")
    assert unknown_options(first) == ["--shw"]
    assert not unknown_options(second)


def test_markers_are_read() -> None:
    text = (
        "a\n<!-- test: slow -->\n```sh\ntrue\n```\n\n```python\nx = 1\n```\n"
        "<!-- test: skip needs a camera -->\n```sh\nfalse\n```\n"
    )
    first, second, third = blocks_of(ROOT / "README.md", text)
    assert (first.mode, first.language, first.text, first.line) == ("slow", "sh", "true\n", 3)
    assert (second.mode, second.language) == ("quick", "python")
    assert (third.mode, third.reason) == ("skip", "needs a camera")
    for wrong in ("<!-- test: later -->\n```sh\n```", "<!-- test: slow -->\ntext\n```sh\n```"):
        with pytest.raises(AssertionError):
            blocks_of(ROOT / "README.md", wrong)


@pytest.mark.slow
def test_a_failing_block_fails(folder: Path) -> None:
    (block,) = blocks_of(ROOT / "README.md", "```sh\nfalse\ntrue\n```")
    with pytest.raises(AssertionError, match="ended with 1"):
        run([block])
