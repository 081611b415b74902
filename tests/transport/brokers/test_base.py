"""Messages and names that are refused before they reach a broker."""

from __future__ import annotations

import pytest

from reid_tracker.errors import MessageError
from reid_tracker.transport.brokers.base import Outgoing, check_durable, check_outgoing
from reid_tracker.transport.wire.codec import MAX_MESSAGE_BYTES, decode_message
from tests.transport.samples import tracklet


def test_an_outgoing_message_knows_its_subject_and_id() -> None:
    message = tracklet(4)
    made = Outgoing.of(message, "main hall")
    assert made.subject == "reid.v1.main=20hall.e1.door.tracklet"
    assert made.message_id == message.message_id == "e1/b1/4"
    assert decode_message(made.data) == message
    check_outgoing([made])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": bytes(MAX_MESSAGE_BYTES + 1)}, "at most 65536"),
        ({"subject": "reid.v1.*.e1.door.tracklet"}, "not an escaped name"),
        ({"subject": "elsewhere"}, "subject 'elsewhere'"),
        ({"message_id": "a\r\nX: y"}, "printable ASCII"),
        ({"message_id": "ü"}, "printable ASCII"),
    ],
)
def test_messages_that_no_broker_accepts(change: dict[str, object], words: str) -> None:
    good = Outgoing.of(tracklet(), "hall")
    with pytest.raises(MessageError, match=words):
        check_outgoing([good, good._replace(**change)])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a", "reid-central-hall_1", "x" * 60])
def test_durable_names_that_all_brokers_accept(name: str) -> None:
    check_durable(name)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "ü", "x" * 61, "*", ">"])
def test_durable_names_that_some_broker_refuses(name: str) -> None:
    with pytest.raises(MessageError, match="1 to 60 ASCII letters"):
        check_durable(name)
