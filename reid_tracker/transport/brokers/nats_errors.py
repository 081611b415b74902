"""Translates errors of the NATS client library to one-line errors without credentials."""

from __future__ import annotations

from typing import Any

from reid_tracker.config.checked import shown
from reid_tracker.errors import ReidTrackerError, TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.connection_errors import (
    connection_error,
    not_encrypted,
    not_welcome,
)

# JetStream error codes for temporary problems: out of memory or disk, stream full by bytes or
# messages, cluster not ready, and no consumer or stream, which the centre then creates again.
_TEMPORARY = {10008, 10023, 10028, 10047, 10077, 10074, 10014, 10059}


class PlainConnectionError(ConnectionError):
    """The server offers no TLS although TLS is configured."""


def translated(error: Exception, place: str, last: Exception | None) -> ReidTrackerError:
    """Translate an error of the client library.

    Args:
        error: the exception of the library.
        place: address of the server, without credentials.
        last: the last error that the library reported; it may explain a missing answer.
    """
    from nats.errors import ConnectionClosedError, Error, NoRespondersError
    from nats.js.errors import APIError, NoStreamResponseError, ServiceUnavailableError

    forbidden = last is not None and "permissions violation" in str(last).lower()
    if isinstance(error, ReidTrackerError):
        return error
    if isinstance(error, PlainConnectionError):
        found: TransportError = not_encrypted(place)
    elif is_refusal(error):
        found = not_welcome(place)
    elif forbidden:
        found = TransportError(f"{place} denies this user a permission: {shown(last, str)}")
    elif isinstance(error, APIError) and error.err_code is not None:
        found = _api_error(error, place)
    elif isinstance(error, NoRespondersError | NoStreamResponseError | ServiceUnavailableError):
        found = TransportUnavailableError(
            f"{place} offers no JetStream; is it enabled, and does its stream exist?"
        )
    elif isinstance(error, ConnectionClosedError):
        found = TransportUnavailableError(f"the connection to {place} was closed")
    elif isinstance(error, OSError | TimeoutError) or not isinstance(error, Error):
        found = connection_error(error, place)
    else:
        found = TransportUnavailableError(f"{place}: {shown(error, str)}")
    return found


def is_gone(error: Exception) -> bool:
    """Return whether the stream or the consumer may have been deleted."""
    from nats.errors import NoRespondersError
    from nats.js.errors import APIError, NoStreamResponseError

    if isinstance(error, APIError):
        return error.code in {404, 409, 503, None}
    return isinstance(error, NoRespondersError | NoStreamResponseError)


def is_refusal(error: Exception) -> bool:
    """Return whether the server refuses the credentials."""
    text = str(error).lower()
    return "authorization" in text or "authentication" in text


def _api_error(error: Any, place: str) -> TransportError:
    what = shown(error.description or error, str)
    if error.err_code in _TEMPORARY or error.code == 503:
        return TransportUnavailableError(f"{place} accepts no messages at the moment: {what}")
    return TransportError(f"{place} refuses: {what}")
