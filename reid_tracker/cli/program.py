"""The program `reid-track`: signals end it cleanly, even while Python is still importing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from reid_tracker.cli.interrupts import STOPS, StopSignals, end_by, hide_lost_stops


def program() -> NoReturn:
    """Run the command line as a program, and end the process.

    A thread that reads a frozen camera may still wait inside FFmpeg, and Python can crash if it
    shuts down meanwhile. In that case the process exits without Python's clean-up; all outputs are
    already closed.
    """
    sys.unraisablehook = hide_lost_stops
    try:
        with StopSignals() as signals:
            from reid_tracker.cli.main import main  # slow

            code = main()
            signals.ignore()
    except KeyboardInterrupt as stop:
        code = end_by(stop)
    for number in STOPS:  # all is done: do not change the exit code
        signal.signal(number, signal.SIG_IGN)
    if any(thread.daemon for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # the terminal or the reader may be gone
                stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    program()
