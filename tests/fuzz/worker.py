"""Fuzzes one target in a process of its own; `tests.fuzz.run` starts it.

Two engines: atheris, which looks for inputs that reach code not reached before, and plain changes
of seeds, where there is no atheris. What was done so far stands in a file at any time, so that it
is known also of a process that was killed for hanging or for its memory.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

NOTE_EVERY_S = 1.0
NOTE = "note.json"
CURRENT = "current.bin"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for inputs and findings")
    parser.add_argument("--engine", choices=["atheris", "plain"], required=True)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    if words.engine == "atheris":
        _with_atheris(words)
    else:
        _plainly(words)


class Notes:
    """Runs inputs and writes down what comes of them.

    Args:
        target: name of the target.
        at: folder for the notes, the findings and the input of the moment.
    """

    def __init__(self, target: str, at: Path) -> None:
        from tests.fuzz.harness import Watch
        from tests.fuzz.targets import TARGETS

        self.watch = Watch(TARGETS[target]())
        self._at, self._noted_s = at, 0.0
        self._current = os.open(at / CURRENT, os.O_CREAT | os.O_RDWR, 0o600)

    def run(self, data: bytes) -> None:
        """Run one input."""
        # Not truncated: the length stands before it.
        os.pwrite(self._current, len(data).to_bytes(8, "big") + data, 0)
        finding = self.watch.run(data)
        if finding is not None:
            name = f"{finding.kind}-{hashlib.sha256(data).hexdigest()[:12]}"
            (self._at / name).write_bytes(data)
            told = {"kind": finding.kind, "reader": finding.reader, "where": finding.where}
            told |= {"file": name, "text": finding.text}
            with (self._at / "findings.jsonl").open("a") as file:
                file.write(json.dumps(told) + "\n")
        if time.monotonic() - self._noted_s > NOTE_EVERY_S:
            self.note()

    def note(self) -> None:
        """Write how far it is."""
        self._noted_s = time.monotonic()
        watch = self.watch
        counts = {"inputs": watch.inputs, "refused": watch.refused, "slowest": watch.slowest}
        counts |= {"slowest_s": watch.slowest_s, "largest_mib": watch.largest_mib}
        counts |= {"first_mib": watch.first_mib}
        beside = self._at / f"{NOTE}.new"
        beside.write_text(json.dumps(counts))
        beside.replace(self._at / NOTE)


def _plainly(words: argparse.Namespace) -> None:
    from tests.fuzz.mutate import Mutator

    notes = Notes(words.target, words.folder)
    inputs = notes.watch.target.inputs()
    mutator = Mutator(inputs, words.seed)
    end_s = time.monotonic() + words.seconds
    for data in inputs:
        notes.run(data)
    while time.monotonic() < end_s:
        notes.run(mutator.next())
    notes.note()


def _with_atheris(words: argparse.Namespace) -> None:
    atheris: Any = importlib.import_module("atheris")
    # Imports of what is fuzzed and of what it reads with are instrumented; torch and others,
    # which take minutes for it, are not.
    with atheris.instrument_imports(include=["reid_tracker", "json", "csv", "yaml"]):
        from tests.fuzz.mutate import Mutator

        notes = Notes(words.target, words.folder)
    target = notes.watch.target
    inputs = target.inputs()
    corpus = words.folder / "corpus"
    if not corpus.is_dir():
        corpus.mkdir()
        for number, data in enumerate(inputs):
            (corpus / f"seed-{number:03d}").write_bytes(data)
    mutator = Mutator(inputs, words.seed)

    def change(data: bytes, most: int, seed: int) -> bytes:
        mutator.random = random.Random(seed)  # noqa: S311 - no secret
        if seed % 2:
            return bytes(atheris.Mutate(data, most))
        return mutator.change(data)[:most]

    options = [
        *(str(corpus), f"-seed={words.seed + 1}", f"-max_total_time={int(words.seconds)}"),
        *(f"-max_len={target.most_bytes}", "-timeout=30", "-rss_limit_mb=1536"),
        *("-malloc_limit_mb=1024", f"-artifact_prefix={words.folder}/", "-print_final_stats=1"),
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options], notes.run, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
