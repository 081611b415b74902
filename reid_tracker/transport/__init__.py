"""Messages between camera hosts and the centre, over brokers, with a disk buffer for outages."""

from reid_tracker.transport.brokers.base import Broker, Delivery, Outgoing, Subscription
from reid_tracker.transport.brokers.memory import MemoryBroker
from reid_tracker.transport.brokers.open import open_broker
from reid_tracker.transport.receiving.receiver import Received, Receiver, ReceiverCounts
from reid_tracker.transport.sending.sender import Sender, SenderCounts
from reid_tracker.transport.sending.spool import Spool
from reid_tracker.transport.wire.codec import MAX_MESSAGE_BYTES, decode_message, encode_message
from reid_tracker.transport.wire.embeddings import Prototypes
from reid_tracker.transport.wire.messages import (
    SCHEMA_VERSION,
    CameraMessage,
    EdgeMessage,
    IdentityMessage,
    Message,
    Observation,
    TrackletMessage,
    TrackletRef,
    check_encoder,
    new_boot_id,
)
from reid_tracker.transport.wire.subjects import Subject, parse_subject, pattern_of, subject_of

__all__ = [
    "MAX_MESSAGE_BYTES",
    "SCHEMA_VERSION",
    "Broker",
    "CameraMessage",
    "Delivery",
    "EdgeMessage",
    "IdentityMessage",
    "MemoryBroker",
    "Message",
    "Observation",
    "Outgoing",
    "Prototypes",
    "Received",
    "Receiver",
    "ReceiverCounts",
    "Sender",
    "SenderCounts",
    "Spool",
    "Subject",
    "Subscription",
    "TrackletMessage",
    "TrackletRef",
    "check_encoder",
    "decode_message",
    "encode_message",
    "new_boot_id",
    "open_broker",
    "parse_subject",
    "pattern_of",
    "subject_of",
]
