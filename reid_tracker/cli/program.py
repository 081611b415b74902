"""The program `reid-track`: a signal ends it in good order, also while Python still imports."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from reid_tracker.cli.interrupts import STOPS, StopSignals, end_by, hide_lost_stops


def program() -> NoReturn:
    """Run the command line as a program of its own, and end the process.

    The thread that reads a frozen camera may still wait inside FFmpeg. Python can crash if it ends
    around such a thread, so the process then ends without Python's own clean-up: every output is
    closed already.
    """
    sys.unraisablehook = hide_lost_stops
    try:
        with StopSignals() as signals:
            from reid_tracker.cli.main import main  # takes a while

            code = main()
            signals.ignore()
    except KeyboardInterrupt as stop:
        code = end_by(stop)
    for number in STOPS:  # all is done: the exit code stays what it is
        signal.signal(number, signal.SIG_IGN)
    if any(thread.daemon for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # the terminal or the reader may be gone
                stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    program()
