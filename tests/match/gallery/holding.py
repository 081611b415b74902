"""A second process that holds a gallery file, as a centre or a run does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCRIPT = """
import sys
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from tests.match.gallery.samples import sighting
with EmbeddedStore(sys.argv[1]) as store:
    store.write([sighting("held", 77)], crops={"held": b"picture"})
    print("open", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Let another process write the sighting "held" of person 77 and keep the file open."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "open\n"
        yield
    finally:
        process.communicate("end\n", timeout=60)
