"""Names of places where messages go: `reid.v1.<site>.<edge>.<camera>.tracklet` and others.

Dots separate the parts, as in NATS; MQTT has the same with slashes. Names of sites, edges and
cameras are escaped: what a user calls a camera cannot become a wildcard or another place.
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
_MOST_LETTERS = 2000


class Subject(NamedTuple):
    """A place where messages go.

    Attributes:
        kind: what goes there.
        site: name of the place that the cameras are at; may be empty.
        edge: name of the camera host; empty for identities, which belong to a site.
        camera: name; empty for what is said of the edge itself, too.
    """

    kind: SubjectKind
    site: str
    edge: str = ""
    camera: str = ""

    def __str__(self) -> str:
        parts = [self.site] if self.kind == "identity" else [self.site, self.edge, self.camera]
        return ".".join([PREFIX, *map(escape, parts), self.kind])


def subject_of(message: Message, site: str) -> Subject:
    """Return where a message goes."""
    if isinstance(message, IdentityMessage):
        return Subject("identity", site)
    if isinstance(message, EdgeMessage):
        return Subject("status", site, message.edge)
    kind: SubjectKind = "tracklet" if isinstance(message, TrackletMessage) else "status"
    return Subject(kind, site, message.edge, message.camera)


def belongs(message: Message, subject: Subject) -> bool:
    """Tell whether a message may come on a subject: who may write to one edge's speaks for it."""
    if isinstance(message, IdentityMessage):
        return subject.kind == "identity"
    if isinstance(message, EdgeMessage):
        return ("status", message.edge, "") == (subject.kind, subject.edge, subject.camera)
    kind = "status" if isinstance(message, CameraMessage) else "tracklet"
    return (kind, message.edge, message.camera) == (subject.kind, subject.edge, subject.camera)


def pattern_of(
    kind: SubjectKind, site: str | None = None, edge: str | None = None, camera: str | None = None
) -> str:
    """Return a pattern for subscriptions; None stands for all.

    Args:
        kind: what to receive.
        site: only of this one.
        edge: only of this one.
        camera: only of this one.
    """
    names = [site] if kind == "identity" else [site, edge, camera]
    return ".".join([PREFIX, *(ANY if name is None else escape(name) for name in names), kind])


def parse_subject(text: str) -> Subject:
    """Return the place that a subject names.

    Raises:
        MessageError: it is none of this version.
    """
    parts = text.split(".") if len(text) <= _MOST_LETTERS else []
    if ".".join(parts[:2]) == PREFIX and parts[-1] in get_args(SubjectKind):
        names = [unescape(part) for part in parts[2:-1]]
        if len(names) == (1 if parts[-1] == "identity" else 3):
            return Subject(parts[-1], *names)  # type: ignore[arg-type]
    raise MessageError(f"subject {shown(text)}: expected {PREFIX}.SITE.EDGE.CAMERA.tracklet")


def matches(pattern: str, subject: str) -> bool:
    """Tell whether a subject fits a pattern, in which * stands for one part."""
    wanted, given = pattern.split("."), subject.split(".")
    return len(wanted) == len(given) and all(
        want in {ANY, have} for want, have in zip(wanted, given, strict=True)
    )
