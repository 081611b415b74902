"""The identities that the centre gave to the tracklets of a camera host."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import IntArray
from reid_tracker.transport import IdentityMessage
from reid_tracker.types import EventKind, Identities, IdentityEvent, Member

Rank = tuple[int, int]
"""Order of a centre's messages: the start of its program, then the number of the message."""

_NEVER: Rank = (-1, -1)
_MOST_TRACKLETS = 100_000
_MOST_MERGED = 10_000
_MOST_NEWS = 10_000
_FORGET_EVERY_S = 60.0


@dataclass(slots=True)
class _Entry:
    """The state of one tracklet; `rank` is the rank of the last message that named it."""

    touched_s: float
    identity: int = 0
    score: float = 0.0
    rank: Rank = _NEVER


class KnownIdentities:
    """Keeps each tracklet's identity from the centre's messages, in any order; thread-safe.

    A message also applies to the past. A message that arrives late never overrides a newer one.
    After a restart of the centre, only messages of the newest start count.

    Args:
        edge: name of this camera host.
        boot: start of its program; tracklets of other starts are not kept.
        keep_s: a tracklet that was neither seen nor named for longer is forgotten.
        most: maximum number of tracklets; the least recently used one is forgotten first.
        clock: seconds on a clock that does not jump.

    Attributes:
        messages: number of messages about tracklets of this host.
        changes: how often the identity of a tracklet changed.
    """

    def __init__(
        self,
        edge: str,
        boot: str,
        keep_s: float,
        *,
        most: int = _MOST_TRACKLETS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._edge, self._boot = edge, boot
        self._keep_s, self._most, self._clock = keep_s, most, clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Member, _Entry] = OrderedDict()
        self._members: defaultdict[int, set[Member]] = defaultdict(set)  # by identity
        self._merged: OrderedDict[int, tuple[Rank, int]] = OrderedDict()
        self._starts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._start_numbers = itertools.count()
        self._awaited: set[Member] = set()
        self._news: deque[IdentityEvent] = deque(maxlen=_MOST_NEWS)
        self._heard_s = self._forgot_s = clock()
        self.messages = self.changes = 0

    @property
    def awaited(self) -> int:
        """Number of tracklets that were sent to the centre and have no identity yet."""
        return len(self._awaited)

    @property
    def named(self) -> int:
        """Number of tracklets with an identity."""
        with self._lock:
            return sum(len(members) for members in self._members.values())

    @property
    def quiet_s(self) -> float:
        """Time since the last message about a tracklet of this host, or since the start."""
        return self._clock() - self._heard_s

    def __len__(self) -> int:
        return len(self._entries)

    def expect(self, camera: str, track: int) -> None:
        """Note that a tracklet was sent to the centre."""
        with self._lock:
            member = (camera, track)
            if self._touched(member).rank == _NEVER:
                self._awaited.add(member)
            self._forget()

    def take(self, message: IdentityMessage) -> None:
        """Apply a message of a centre."""
        with self._lock:
            rank = self._rank(message)
            event = _Change(message)
            if message.kind == "merge":
                for number in message.previous_ids:
                    self._merge(number, rank, event)
            for member in message.members:
                if (member.edge, member.boot) == (self._edge, self._boot):
                    self._name((member.camera, member.track), rank, event)
            if event.ours:
                self.messages += 1
                self._heard_s = self._clock()
            self._news.extend(event.events())
            self._forget()

    def of(self, camera: str, tracks: IntArray) -> Identities:
        """Return the identities of (M,) tracks of a camera; 0 where they are unknown."""
        with self._lock:
            entries = [self._seen((camera, track)) for track in tracks.tolist()]
        return Identities(
            track_ids=tracks,
            ids=np.array([one.identity if one else 0 for one in entries], np.int64),
            scores=np.array([one.score if one else 0.0 for one in entries], np.float32),
        )

    def news(self) -> tuple[IdentityEvent, ...]:
        """Return the changes since the last call, in order; members are tracklets of this host."""
        with self._lock:
            found = tuple(self._news)
            self._news.clear()
        return found

    def recent(self, within_s: float, time_s: float) -> tuple[IdentityEvent, ...]:
        """Return the identities of recent tracklets, for files that start now.

        Args:
            within_s: maximum time since a tracklet was seen or named.
            time_s: current time, UTC seconds since 1970.
        """
        since_s = self._clock() - within_s
        by_identity: defaultdict[int, list[Member]] = defaultdict(list)
        with self._lock:
            for member, entry in reversed(self._entries.items()):
                if entry.touched_s < since_s:
                    break
                if entry.identity:
                    by_identity[entry.identity].append(member)
        return tuple(
            IdentityEvent("match", number, (), tuple(sorted(some)), "known before", 1.0, time_s)
            for number, some in sorted(by_identity.items())
        )

    def _rank(self, message: IdentityMessage) -> Rank:
        start = (message.centre, message.boot)
        if start not in self._starts:
            self._starts[start] = next(self._start_numbers)
            if len(self._starts) > _MOST_MERGED:
                self._starts.popitem(last=False)
        return self._starts[start], message.seq

    def _merge(self, number: int, rank: Rank, event: _Change) -> None:
        """Replace an identity by another one, also for tracklets that join it later."""
        if self._merged.get(number, (_NEVER, 0))[0] < rank:
            self._merged[number] = rank, event.message.identity
            self._merged.move_to_end(number)
            if len(self._merged) > _MOST_MERGED:
                self._merged.popitem(last=False)
        # Their ranks stay: a late message may say that one of them had left before.
        for member in sorted(self._members.get(number, ())):
            if self._entries[member].rank < rank:
                self._set(member, rank, event)

    def _name(self, member: Member, rank: Rank, event: _Change) -> None:
        event.ours = True
        entry = self._touched(member)
        if rank > entry.rank:
            entry.rank = rank
            self._awaited.discard(member)
            self._set(member, rank, event)

    def _set(self, member: Member, rank: Rank, event: _Change) -> None:
        event.ours = True
        entry = self._entries[member]
        identity, entry.score = event.message.identity, event.message.score
        while (later := self._merged.get(identity)) is not None and later[0] > rank:
            rank, identity = later
        if entry.identity != identity:
            self.changes += entry.identity > 0
            self._members[entry.identity].discard(member)
            if not self._members[entry.identity]:
                del self._members[entry.identity]
            if identity:
                self._members[identity].add(member)
            event.add(member, entry.identity, identity)
            entry.identity = identity

    def _touched(self, member: Member) -> _Entry:
        entry = self._entries.setdefault(member, _Entry(0.0))
        entry.touched_s = self._clock()
        self._entries.move_to_end(member)
        return entry

    def _seen(self, member: Member) -> _Entry | None:
        return self._touched(member) if member in self._entries else None

    def _forget(self) -> None:
        """Drop old tracklets about once a minute, and surplus ones at once."""
        now_s = self._clock()
        while len(self._entries) > self._most:
            self._drop_first()
        if now_s >= self._forgot_s + _FORGET_EVERY_S:
            self._forgot_s = now_s
            while self._entries and self._first().touched_s < now_s - self._keep_s:
                self._drop_first()

    def _first(self) -> _Entry:
        return next(iter(self._entries.values()))

    def _drop_first(self) -> None:
        member, entry = self._entries.popitem(last=False)
        self._awaited.discard(member)
        if members := self._members.get(entry.identity):
            members.discard(member)
            if not members:
                del self._members[entry.identity]


class _Change:
    """Collects the changes of one message, as events for files."""

    def __init__(self, message: IdentityMessage) -> None:
        self.message = message
        self.ours = False
        self._members: defaultdict[int, list[Member]] = defaultdict(list)
        self._previous: defaultdict[int, set[int]] = defaultdict(set)

    def add(self, member: Member, before: int, now: int) -> None:
        """Note that a tracklet has another identity now."""
        self._members[now].append(member)
        if before:
            self._previous[now].add(before)

    def events(self) -> Iterator[IdentityEvent]:
        """Yield an event for each identity that is the result, usually one."""
        for identity, members in self._members.items():
            previous = tuple(sorted(self._previous[identity]))
            yield IdentityEvent(
                kind=_kind(self.message.kind, previous),
                identity=identity,
                previous_ids=previous,
                members=tuple(sorted(members)),
                reason=self.message.reason,
                score=self.message.score,
                time_s=self.message.time_s,
            )


def _kind(told: EventKind, previous: tuple[int, ...]) -> EventKind:
    """Return the kind of event for this host: a tracklet without an identity was not merged."""
    return "match" if told == "merge" and not previous else told
