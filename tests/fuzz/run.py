"""Fuzzes what reads bytes of strangers: messages, configurations, files of data.

    python -m tests.fuzz.run --minutes 10
    python -m tests.fuzz.run --targets messages --minutes 1 --engine plain

Each target runs in a process of its own, which is started again when it hangs or takes too much
memory. Prints a table; the exit code is 1 if anything was found, and the inputs are in the folder.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.fuzz import files
from tests.fuzz.worker import CURRENT, NOTE

TARGETS = ("messages", "configs", "readers")

_HANGS_S = 60.0
"""A process that has noted nothing new for so long hangs: no input may take a second."""

_COVERED = re.compile(r"cov: (\d+)")
_REASONS = {"timeout": "slow", "out-of-memory": "hungry", "deadly signal": "crash"}


@dataclass
class Result:
    """What came of one target.

    Attributes:
        name: of the target.
        seconds: that it ran.
        counts: of all its processes: "inputs", "refused", "first_mib", "largest_mib", "slowest_s",
            "slowest".
        edges: parts of the code that were reached; None where the engine does not tell.
        findings: one line each.
    """

    name: str
    seconds: float = 0.0
    counts: dict[str, Any] = field(default_factory=dict)
    edges: int | None = None
    findings: list[str] = field(default_factory=list)

    def add(self, note: dict[str, Any]) -> None:
        """Take over the counts of one process."""
        for name in ("inputs", "refused"):
            self.counts[name] = self.counts.get(name, 0) + note[name]
        for name in ("first_mib", "largest_mib"):
            self.counts[name] = max(self.counts.get(name, 0), note[name])
        if note["slowest_s"] >= self.counts.get("slowest_s", 0):
            self.counts |= {"slowest_s": note["slowest_s"], "slowest": note["slowest"]}


def fuzz(name: str, seconds: float, folder: Path, engine: str, seed: int) -> Result:
    """Fuzz a target for a time."""
    folder.mkdir(parents=True)
    result = Result(name)
    end_s = time.monotonic() + seconds
    turn = 0
    while (left_s := end_s - time.monotonic()) > 1:
        begun_s = time.monotonic()
        _one_process(result, folder, [engine, left_s, seed + turn])
        result.seconds += time.monotonic() - begun_s
        turn += 1
        if not result.counts:
            raise SystemExit(f"{name} did not start; see {folder / 'log.txt'}")
    found = folder / "findings.jsonl"
    for line in found.read_text().splitlines() if found.exists() else []:
        told = json.loads(line)
        result.findings.append(
            f"{told['kind']} in {told['reader']}: {told['where']} ({folder / told['file']})"
        )
    return result


def _one_process(result: Result, folder: Path, how: Sequence[Any]) -> None:
    engine, seconds, seed = how
    note, log = folder / NOTE, folder / "log.txt"
    note.unlink(missing_ok=True)
    words = [result.name, "--seconds", str(seconds), "--folder", str(folder)]
    words += ["--engine", engine, "--seed", str(seed)]
    begun = log.stat().st_size if log.exists() else 0
    with log.open("ab") as file, files.new_folder() as scratch:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", *words],
            cwd=ROOT,
            env=os.environ | {files.FOLDER: scratch, "TMPDIR": scratch},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            hangs = _wait(process, note, seconds)
        finally:
            process.kill()
            process.wait()
    text = log.read_bytes()[begun:].decode("utf-8", "replace")
    if note.exists():
        result.add(json.loads(note.read_text()))
    covered = _COVERED.findall(text)
    if covered:
        result.edges = max(result.edges or 0, *map(int, covered))
    why = next((kind for word, kind in _REASONS.items() if f"libFuzzer: {word}" in text), None)
    if hangs or why or process.returncode not in (0, None):
        kept = _keep_current(folder)
        result.findings.append(f"{'slow' if hangs else why or 'crash'}: the process ended ({kept})")


def _wait(process: subprocess.Popen[bytes], note: Path, seconds: float) -> bool:
    """Wait for the end; returns whether it has to be killed, since it does not go on."""
    end_s = time.monotonic() + seconds + _HANGS_S
    while process.poll() is None:
        time.sleep(0.2)  # looks for notes of progress, which send no event
        still_s = time.time() - note.stat().st_mtime if note.exists() else 0.0
        if still_s > _HANGS_S or time.monotonic() > end_s:
            return True
    return False


def _keep_current(folder: Path) -> Path:
    """Keep the input at which a process ended."""
    data = (folder / CURRENT).read_bytes()
    size = int.from_bytes(data[:8], "big")
    kept = folder / f"ended-{time.time_ns()}"
    kept.write_bytes(data[8 : 8 + size])
    return kept


def table(results: Sequence[Result]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| target | minutes | inputs | inputs/s | refused | edges | RSS MiB, first to most "
        "| slowest s | findings |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for one in results:
        count = one.counts
        lines.append(
            f"| {one.name} | {one.seconds / 60:.1f} | {count['inputs']} "
            f"| {count['inputs'] / one.seconds:.0f} | {count['refused'] / count['inputs']:.0%} "
            f"| {'-' if one.edges is None else one.edges} | {count['first_mib']:.0f} to "
            f"{count['largest_mib']:.0f} | {count['slowest_s']:.2f} ({count['slowest']}) "
            f"| {len(one.findings)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--engine", choices=["atheris", "plain"], default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder",
        type=Path,
        default=None,
        help="for findings (a new one, removed if there are none)",
    )
    words = parser.parse_args()
    # Else the process of the target would stay; SIGINT does the same by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    found = importlib.util.find_spec("atheris") is not None
    engine = words.engine or ("atheris" if found else "plain")
    folder = words.folder or Path(tempfile.mkdtemp(prefix="reid-fuzz-"))
    results = []
    for name in words.targets:
        results.append(fuzz(name, 60 * words.minutes, folder / name, engine, words.seed))
        print(f"{name}: {results[-1].counts['inputs']} inputs", file=sys.stderr, flush=True)
    print(f"Engine: {engine}.\n\n{table(results)}")
    findings = [f"- {one.name}: {text}" for one in results for text in one.findings]
    print("\n" + ("\n".join(findings) or "Nothing was found."))
    if words.folder is None and not findings:
        shutil.rmtree(folder)
    raise SystemExit(1 if findings else 0)


if __name__ == "__main__":
    main()
