"""Errors of the NATS client as errors of this package."""

from __future__ import annotations

import pytest

from reid_tracker.errors import TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.nats_errors import (
    PlainConnectionError,
    is_refusal,
    translated,
)

errors = pytest.importorskip("nats.errors")
js_errors = pytest.importorskip("nats.js.errors")

PLACE = "nats://hub:4222"


def _api(err_code: int, code: int = 400) -> Exception:
    made: Exception = js_errors.APIError(code=code, description="why\nnot", err_code=err_code)
    return made


@pytest.mark.parametrize(
    ("error", "words", "passes"),
    [
        (PlainConnectionError(), "offers no TLS", False),
        (errors.AuthorizationError(), "refuses the credentials", False),
        (_api(10077), "accepts no messages at the moment: why not", True),
        (_api(1, 503), "accepts no messages at the moment", True),
        (_api(10058), "refuses: why not", False),
        (errors.NoRespondersError(), "offers no JetStream", True),
        (errors.ConnectionClosedError(), "was closed", True),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused", True),
        (errors.Error("odd"), "odd", True),
    ],
)
def test_each_error_has_one_line_and_a_kind(error: Exception, words: str, passes: bool) -> None:
    made = translated(error, PLACE, None)
    assert isinstance(made, TransportError)
    assert isinstance(made, TransportUnavailableError) == passes
    assert words in str(made)
    assert "\n" not in str(made)


def test_a_missing_permission_explains_a_missing_answer() -> None:
    last = Exception("nats: permissions violation for publish to reid.v1")
    made = translated(TimeoutError(), PLACE, last)
    assert "denies this user a permission" in str(made)
    assert not isinstance(made, TransportUnavailableError)


def test_own_errors_stay_as_they_are() -> None:
    own = TransportError("ours")
    assert translated(own, PLACE, None) is own
    assert is_refusal(Exception("Authorization Violation"))
    assert not is_refusal(Exception("timeout"))
