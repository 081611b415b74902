"""One-line errors for failed connections, the same for all brokers."""

from __future__ import annotations

import os
import ssl

from reid_tracker.config.checked import shown
from reid_tracker.errors import TransportError, TransportUnavailableError


def connection_error(error: Exception, place: str) -> TransportError:
    """Return the error for a connection that failed.

    Args:
        error: the exception of the client library.
        place: address of the broker, without credentials.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransportError(
            f"{place}: its certificate is not trusted ({error.verify_message}); set "
            "transport.tls_ca to the CA that signed it, and use the host name in the certificate"
        )
    if isinstance(error, ssl.SSLError):
        return TransportError(f"{place} offers no TLS that this machine accepts: {error.reason}")
    if isinstance(error, TimeoutError):
        return TransportUnavailableError(f"{place} does not answer in time; is it running?")
    if isinstance(error, OSError):
        reason = error.strerror or (os.strerror(error.errno) if error.errno else shown(error, str))
        return TransportUnavailableError(f"{place} does not answer: {reason}; is it running?")
    return TransportUnavailableError(f"{place}: {shown(error, str)}")


def not_encrypted(place: str) -> TransportError:
    """Return the error for a broker without TLS although TLS is configured."""
    return TransportError(f"{place} offers no TLS; nothing was sent. Switch on TLS in the broker")


def not_welcome(place: str) -> TransportError:
    """Return the error for refused credentials; it does not show them."""
    return TransportError(
        f"{place} refuses the credentials; check REID_TRANSPORT_USER and REID_TRANSPORT_PASSWORD, "
        "or the file of transport.credentials"
    )
