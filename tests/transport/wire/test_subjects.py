"""Subjects: any name is safe in them, and only valid subjects are parsed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.subjects import (
    Subject,
    SubjectKind,
    belongs,
    matches,
    parse_subject,
    pattern_of,
    subject_of,
)
from tests.transport.samples import NAMES, host, identity, status, tracklet


def test_subjects_of_messages() -> None:
    assert str(subject_of(tracklet(), "hall")) == "reid.v1.hall.e1.door.tracklet"
    assert str(subject_of(status(), "hall")) == "reid.v1.hall.e1.door.status"
    assert str(subject_of(host(), "hall")) == "reid.v1.hall.e1.=.status"
    assert str(subject_of(identity(), "hall")) == "reid.v1.hall.identity"
    assert str(subject_of(tracklet(camera="yard/2.west"), "")) == (
        "reid.v1.=.e1.yard=2F2=2Ewest.tracklet"
    )


@given(st.sampled_from(["tracklet", "status"]), NAMES | st.just(""), NAMES, NAMES)
def test_subject_round_trip(kind: SubjectKind, site: str, edge: str, camera: str) -> None:
    subject = Subject(kind, site, edge, camera)
    text = str(subject)
    assert parse_subject(text) == subject
    assert len(text) < 2000
    assert matches(pattern_of(kind), text)
    assert matches(pattern_of(kind, site, edge, camera), text)
    assert not matches(pattern_of(kind, site, edge, camera + "x" if len(camera) < 9 else "x"), text)


@given(st.text(max_size=60) | st.from_regex(r"reid\.v1\.[A-Z=0-9]{1,9}\.identity", fullmatch=True))
def test_only_formatted_subjects_are_parsed(text: str) -> None:
    try:
        subject = parse_subject(text)
    except MessageError:
        return
    assert str(subject) == text


@pytest.mark.parametrize(
    "text",
    [
        "reid.v2.a.b.c.tracklet",
        "reid.v1.a.b.tracklet",
        "reid.v1.a.b.c.d.tracklet",
        "reid.v1.a.b.c.frame",
        "reid.v1.a.b.c",
        "reid.v1.*.b.c.tracklet",
        "reid.v1.a..c.tracklet",
        "reid.v1.a.b.=2f.tracklet",
        "reid.v1.a.b.=41.tracklet",
        "reid.v1.a.b.=FF.tracklet",
        "reid.v1.a.b.=00.tracklet",
        "reid.v1.a.b." + "x" * 201 + ".tracklet",
        "reid.v1.a.b." + "x" * 10_000_000 + ".tracklet",
    ],
)
def test_other_subjects_are_refused(text: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_subject(text)
    assert len(str(caught.value)) < 400


def test_who_may_write_where() -> None:
    place = Subject("tracklet", "hall", "e1", "door")
    assert belongs(tracklet(), place)
    assert not belongs(tracklet(edge="e2"), place)
    assert not belongs(tracklet(camera="yard"), place)
    assert not belongs(status(), place)
    assert not belongs(identity(), place)
    assert belongs(identity(), Subject("identity", "hall"))


def test_patterns() -> None:
    assert pattern_of("tracklet") == "reid.v1.*.*.*.tracklet"
    assert pattern_of("identity", "a b") == "reid.v1.a=20b.identity"
    assert not matches("reid.v1.*.*.*.tracklet", "reid.v1.a.identity")
    assert not matches("reid.v1.*.*.*.tracklet", "reid.v1.a.b.c.status")
