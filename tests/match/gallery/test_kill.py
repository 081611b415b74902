"""kill -9 in the middle of writing: nothing acknowledged is missing, no number changes."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest

from tests.killing import run_and_kill
from tests.match.gallery.kill_worker import BATCH, batch, open_kind
from tests.match.gallery.samples import identities

WORKER = "tests.match.gallery.kill_worker"


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["embedded", "postgres"])
def test_twenty_kills(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "postgres":
        address = request.getfixturevalue("postgres").address
    else:
        address = str(tmp_path / "gallery.sqlite")
    schema = f"kill_{uuid.uuid4().hex}"
    random = np.random.default_rng()  # another moment each time is the point
    known: dict[str, int] = {}
    reserved = 0
    for turn in range(20):
        said = run_and_kill(WORKER, [kind, address, schema, str(turn)], random.uniform(0.01, 0.4))
        numbers = [line.split() for line in said]
        with open_kind(kind, address, schema) as store:
            found = identities(store)
            next_identity = store.info().next_identity
        acknowledged: dict[str, int] = {}
        for word, *values in numbers:
            if word == "reserved":
                # No number is given out twice, also not one that a killed process had taken.
                assert int(values[0]) > reserved
                reserved = int(values[0]) + BATCH - 1
            else:
                new, events = batch(turn, int(values[0]), int(values[1]))
                for one in new:
                    merged = any(one.identity in event.previous for event in events)
                    acknowledged[one.id] = events[0].identity if merged else one.identity
        assert next_identity > reserved
        reserved = max(reserved, next_identity - 1)
        expected = known | acknowledged
        assert {name: found.get(name) for name in expected} == expected
        # What was committed but not acknowledged may be there, but only whole. A server may do so
        # a moment after its client died, and after the look at the turn before.
        assert len(found) % BATCH == 0
        assert len(found) - len(expected) in {0, BATCH, 2 * BATCH}
        known = found
    assert len(known) > 20 * BATCH
