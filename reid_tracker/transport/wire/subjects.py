"""Subjects of messages: `reid.v1.<site>.<edge>.<camera>.tracklet` and others.

Dots separate the parts, as in NATS; the MQTT broker replaces them by slashes. Names of sites, edges
and cameras are escaped, so that no name can act as a wildcard or as another subject.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.messages import (
    SCHEMA_VERSION,
    CameraMessage,
    EdgeMessage,
    IdentityMessage,
    Message,
    TrackletMessage,
)
from reid_tracker.transport.wire.names import escape, unescape

SubjectKind = Literal["tracklet", "status", "identity"]

PREFIX = f"reid.v{SCHEMA_VERSION}"
ANY = "*"
_MAX_LETTERS = 2000


class Subject(NamedTuple):
    """The subject (MQTT: topic) under which messages are published.

    Attributes:
        kind: kind of the messages.
        site: name of the place where the cameras are; may be empty.
        edge: name of the camera host; empty for identities, which belong to a site.
        camera: name; empty for identities and for the state of the host itself.
    """

    kind: SubjectKind
    site: str
    edge: str = ""
    camera: str = ""

    def __str__(self) -> str:
        parts = [self.site] if self.kind == "identity" else [self.site, self.edge, self.camera]
        return ".".join([PREFIX, *map(escape, parts), self.kind])


def subject_of(message: Message, site: str) -> Subject:
    """Return the subject of a message."""
    if isinstance(message, IdentityMessage):
        return Subject("identity", site)
    if isinstance(message, EdgeMessage):
        return Subject("status", site, message.edge)
    kind: SubjectKind = "tracklet" if isinstance(message, TrackletMessage) else "status"
    return Subject(kind, site, message.edge, message.camera)


def belongs(message: Message, subject: Subject) -> bool:
    """Return whether a message may use a subject: each host may publish under its own name only."""
    if isinstance(message, IdentityMessage):
        return subject.kind == "identity"
    if isinstance(message, EdgeMessage):
        return ("status", message.edge, "") == (subject.kind, subject.edge, subject.camera)
    kind = "status" if isinstance(message, CameraMessage) else "tracklet"
    return (kind, message.edge, message.camera) == (subject.kind, subject.edge, subject.camera)


def pattern_of(
    kind: SubjectKind, site: str | None = None, edge: str | None = None, camera: str | None = None
) -> str:
    """Return a pattern for subscriptions; None matches any name.

    Args:
        kind: kind of the messages.
        site: name of the site.
        edge: name of the camera host.
        camera: name of the camera.
    """
    names = [site] if kind == "identity" else [site, edge, camera]
    return ".".join([PREFIX, *(ANY if name is None else escape(name) for name in names), kind])


def parse_subject(text: str) -> Subject:
    """Return the parts of a subject.

    Raises:
        MessageError: the text is not a subject of this version.
    """
    parts = text.split(".") if len(text) <= _MAX_LETTERS else []
    if ".".join(parts[:2]) == PREFIX and parts[-1] in get_args(SubjectKind):
        names = [unescape(part) for part in parts[2:-1]]
        if len(names) == (1 if parts[-1] == "identity" else 3):
            return Subject(parts[-1], *names)  # type: ignore[arg-type]
    raise MessageError(f"subject {shown(text)}: expected {PREFIX}.SITE.EDGE.CAMERA.tracklet")


def matches(pattern: str, subject: str) -> bool:
    """Return whether a subject matches a pattern; * in the pattern matches one part."""
    wanted, given = pattern.split("."), subject.split(".")
    return len(wanted) == len(given) and all(
        want in {ANY, have} for want, have in zip(wanted, given, strict=True)
    )
