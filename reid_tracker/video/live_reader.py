"""The thread that reads a network camera, and reconnects whenever the camera is lost."""

from __future__ import annotations

import atexit
import threading
import time
from fractions import Fraction
from typing import Protocol

from reid_tracker.config import StreamConfig
from reid_tracker.video.address import StreamAddress
from reid_tracker.video.connection import Connection, ConnectionBroken, DecodedPicture

_JOIN_S = 0.1  # per camera; a run with many frozen cameras must also end within 2 s
_EXIT_S = 10.0  # longer than the usual time-outs
_SOUND_S = 5.0  # a connection that lasted this long counts as a success
_MOST_REFUSED = 10  # times `refused_after_s`


class LiveObserver(Protocol):
    """Receives what the thread reads; all calls come from that thread."""

    def connected(self) -> None:
        """A connection is open; its timestamps may start anywhere."""

    def take(self, picture: DecodedPicture, frame_rate: Fraction | None, damaged: int) -> None:
        """Receive a picture, with `Connection`'s frame rate and number of damaged pictures."""

    def lost(self, reason: str) -> None:
        """The connection broke, or could not be made."""

    def ended(self) -> None:
        """The stream was a recording and was read to its end."""

    def failed(self, error: BaseException) -> None:
        """Reading has stopped because of an error in this program."""


class LiveReader:
    """Reads one camera until it is stopped; it waits longer after each failed attempt.

    Args:
        address: of the camera.
        name: name of the thread.
        config: time-outs, waits, transport and hardware.
        observer: receives what is read.
    """

    def __init__(
        self, address: StreamAddress, name: str, config: StreamConfig, observer: LiveObserver
    ) -> None:
        self._address = address
        self._config = config
        self._observer = observer
        self._damaged = 0
        self._stop = threading.Event()
        # A daemon thread: a blocking read must not delay the end of the program.
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop reading; a blocking read ends at its time-out and then cleans up by itself.

        A program that ends earlier waits for it, because Python can crash at exit while a thread is
        inside FFmpeg.
        """
        self._stop.set()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            atexit.register(self._thread.join, _EXIT_S)

    def _run(self) -> None:
        failed = 0
        try:
            while not self._stop.is_set():
                began_s = time.monotonic()
                broken = self._connect_and_read()
                if self._stop.is_set():
                    break
                if broken.ended:
                    self._observer.ended()
                    break
                failed = 1 if time.monotonic() - began_s > _SOUND_S else failed + 1
                self._observer.lost(broken.reason)
                self._stop.wait(wait_before_retry_s(self._config, failed, refused=broken.refused))
        except BaseException as error:
            self._observer.failed(error)

    def _connect_and_read(self) -> ConnectionBroken:
        """Read one connection to its end; return why it ended."""
        try:
            connection = Connection(self._address, self._config)
        except ConnectionBroken as broken:
            return broken
        except Exception as error:  # one faulty camera must not stop the others
            return ConnectionBroken(f"unexpected {type(error).__name__} while connecting")
        damaged = self._damaged
        self._observer.connected()
        try:
            for picture in connection.pictures():
                self._damaged = damaged + connection.damaged
                self._observer.take(picture, connection.frame_rate, self._damaged)
                if self._stop.is_set():
                    break
        except ConnectionBroken as broken:
            return broken
        except Exception as error:
            return ConnectionBroken(f"unexpected {type(error).__name__} while reading")
        finally:
            connection.close()
        return ConnectionBroken("closed")


def wait_before_retry_s(config: StreamConfig, failed: int, *, refused: bool) -> float:
    """Return the wait before the next attempt to connect, in seconds.

    The wait doubles with each of the `failed` attempts in a row (at least 1). It is longer if the
    camera `refused` user and password, since some cameras lock an account after a few attempts.
    """
    factor = float(2 ** min(failed - 1, 30))
    if refused:
        return config.refused_after_s * min(factor, _MOST_REFUSED)
    return min(config.reconnect_after_s * factor, config.reconnect_most_s)
