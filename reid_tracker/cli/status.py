"""Supervision of long-running commands: a status page, JSON logs, systemd."""

from __future__ import annotations

import argparse
import codecs
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from reid_tracker.cli.redact import redact
from reid_tracker.errors import ConfigError
from reid_tracker.monitor import Health, JsonLines, Metrics, Reading, StatusServer, notify_systemd

_MAX_TOKEN_BYTES = 4096
_BEAT_S = 1.0


def add_status_options(parser: argparse.ArgumentParser) -> None:
    """Add --status, --status-token-file and --json-logs."""
    group = parser.add_argument_group("supervision")
    group.add_argument(
        "--status",
        metavar="HOST:PORT",
        default=None,
        help="serve /health and (for Prometheus) /metrics at this address, e.g. 127.0.0.1:9100",
    )
    group.add_argument(
        "--status-token-file",
        metavar="FILE",
        default=None,
        help="file with a token that requests must contain (Authorization: Bearer TOKEN); required "
        "if other machines can reach the address",
    )
    group.add_argument("--json-logs", action="store_true", default=False, help="log as JSON lines")


def read_token(path: str | None, option: str = "--status-token-file") -> str | None:
    """Return the token in a file; None without a file.

    Args:
        path: path of the file.
        option: the option that names it, for errors.

    Raises:
        ConfigError: the file cannot be read, or is not one line of ASCII.
    """
    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_TOKEN_BYTES)
    except OSError as error:
        raise ConfigError(
            f"{option} {path}: {error.strerror}; expected a file with one line, the token"
        ) from None
    return checked_token(data.removeprefix(codecs.BOM_UTF8).decode("latin-1"), f"{option} {path}")


def checked_token(text: str, where: str) -> str:
    """Return a token without spaces around it.

    Args:
        text: the token.
        where: source of the token, for errors.

    Raises:
        ConfigError: the token is not one line of ASCII.
    """
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(
            f"{where}: expected one line of ASCII without spaces, the token; "
            "create one with: openssl rand -hex 32"
        )
    return text


def serve_status(
    address: str,
    token: str | None,
    health: Callable[[], Health],
    readings: Callable[[], Iterable[Reading]],
) -> tuple[StatusServer, Metrics]:
    """Serve health and metrics; the caller closes the server.

    Raises:
        ConfigError: the address is malformed, or other machines can reach it and there is no token.
        ReidTrackerError: the port cannot be used, or prometheus_client is not installed.
    """
    metrics = Metrics()
    metrics.read_from(readings)
    return StatusServer(address, health, metrics, token), metrics


def log_as_json(**fields: str) -> None:
    """Write this package's log as JSON lines."""
    for handler in logging.getLogger("reid_tracker").handlers:
        handler.setFormatter(JsonLines(redact, **fields))


class Heartbeat:
    """Notifies systemd's watchdog, and records the durations of the pipeline's stages."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds, self._before = seconds, dict(seconds)
        self._beat_s = time.monotonic()
        self.metrics: Metrics | None = None

    def observe(self, name: str, seconds: float) -> None:
        """Record a duration if metrics are served."""
        if self.metrics is not None:
            self.metrics.observe(name, seconds)

    def __call__(self) -> None:
        """Notify the watchdog; call this in every round of the main loop."""
        if self.metrics is not None:
            for stage, total_s in self._seconds.items():
                spent_s = total_s - self._before.get(stage, 0.0)
                if spent_s > 0 and stage != "wait":
                    self.metrics.observe("stage_seconds", spent_s, stage)
            self._before = dict(self._seconds)
        if time.monotonic() - self._beat_s >= _BEAT_S:
            self._beat_s = time.monotonic()
            notify_systemd("WATCHDOG=1")
