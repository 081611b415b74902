"""The exceptions: one tree, so that callers can catch as much as they want."""

from __future__ import annotations

import inspect

import pytest

from reid_tracker import ReidTrackerError, errors

ALL = [one for _, one in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_in_the_tree_and_keeps_its_message(error: type[Exception]) -> None:
    assert issubclass(error, ReidTrackerError)
    with pytest.raises(ReidTrackerError, match=r"^one line$"):
        raise error("one line")


def test_errors_that_python_has_too_can_be_caught_as_such() -> None:
    for own, builtin in (
        (errors.InputError, ValueError),
        (errors.MessageError, ValueError),
        (errors.MissingDependencyError, ImportError),
    ):
        assert issubclass(own, builtin)


def test_a_store_or_broker_that_is_away_is_a_kind_of_store_or_transport_error() -> None:
    assert issubclass(errors.StoreUnavailableError, errors.StoreError)
    assert issubclass(errors.TransportUnavailableError, errors.TransportError)
    assert not issubclass(errors.ModelMismatchError, errors.StoreUnavailableError)
