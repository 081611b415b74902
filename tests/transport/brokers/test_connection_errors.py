"""Errors of connections: one line each, of the right kind, and without secrets."""

from __future__ import annotations

import errno
import ssl

import pytest

from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport.brokers.connection_errors import (
    connection_error,
    not_encrypted,
    not_welcome,
)

PLACE = "nats://hub:4222"


def _certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def _tls_error() -> ssl.SSLError:
    error = ssl.SSLError(1, "wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("error", "words", "passes"),
    [
        (_certificate_error(), "self-signed certificate", False),
        (_tls_error(), "accepts: WRONG_VERSION_NUMBER", False),
        (TimeoutError(), "does not answer in time", True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refused", True),
        (OSError(errno.EHOSTUNREACH, ""), "No route to host", True),
        (RuntimeError("many\nlines"), "many lines", True),
    ],
)
def test_one_line_of_the_right_kind(error: Exception, words: str, passes: bool) -> None:
    made = connection_error(error, PLACE)
    assert isinstance(made, TransportUnavailableError) == passes
    assert str(made).startswith(PLACE)
    assert words in str(made)
    assert "\n" not in str(made)


def test_errors_that_only_the_user_can_repair() -> None:
    for made in (not_encrypted(PLACE), not_welcome(PLACE)):
        assert not isinstance(made, TransportUnavailableError)
        assert PLACE in str(made)
