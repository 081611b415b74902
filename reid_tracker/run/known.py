"""Who the people of a camera host are by the word of the centre: its tracklets' identities."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_tracker.transport import IdentityMessage
from reid_tracker.types import EventKind, Identities, IdentityEvent, Member

Rank = tuple[int, int]
"""Place of a message in the order in which a centre decided: its start, and the number within."""

_NEVER: Rank = (-1, -1)
_MOST_TRACKLETS = 100_000
_MOST_MERGED = 10_000
_MOST_NEWS = 10_000
_FORGET_EVERY_S = 60.0


@dataclass(slots=True)
class _Entry:
    """What is known of one tracklet; `rank` is that of the last message that named it."""

    touched_s: float
    identity: int = 0
    score: float = 0.0
    rank: Rank = _NEVER


class KnownIdentities:
    """Takes the messages of a centre in any order, and tells who somebody is; from any thread.

    A message counts from the moment that it comes, for the past, too. One that comes after a later
    one of its centre changes nothing that the later one said. Of a centre that starts again, the
    newest start counts.

    Args:
        edge: name of this host.
        boot: start of its program: tracklets of others are not kept.
        keep_s: a tracklet that was neither seen nor told of for longer is forgotten.
        most: most tracklets; beyond, the one touched longest ago is forgotten.
        clock: seconds on a clock that does not jump.

    Attributes:
        messages: how many were about tracklets of here.
        changes: how often a tracklet got another identity than it had.
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
        """Tracklets that the centre was told of, and has not named yet."""
        return len(self._awaited)

    @property
    def named(self) -> int:
        """Tracklets whose identity is known."""
        with self._lock:
            return sum(len(members) for members in self._members.values())

    @property
    def quiet_s(self) -> float:
        """Time since a message was about a tracklet of here, or since the start."""
        return self._clock() - self._heard_s

    def __len__(self) -> int:
        return len(self._entries)

    def expect(self, camera: str, track: int) -> None:
        """Note that the centre is told of a tracklet."""
        with self._lock:
            member = (camera, track)
            if self._touched(member).rank == _NEVER:
                self._awaited.add(member)
            self._forget()

    def take(self, message: IdentityMessage) -> None:
        """Note what a centre says."""
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

    def of(self, camera: str, tracks: npt.NDArray[np.int64]) -> Identities:
        """Return who (M,) tracks of a camera are; 0 where the centre has not said."""
        with self._lock:
            entries = [self._seen((camera, track)) for track in tracks.tolist()]
        return Identities(
            track_ids=tracks,
            ids=np.array([one.identity if one else 0 for one in entries], np.int64),
            scores=np.array([one.score if one else 0.0 for one in entries], np.float32),
        )

    def news(self) -> tuple[IdentityEvent, ...]:
        """Return what has changed since the last call, in order; members are those of here."""
        with self._lock:
            found = tuple(self._news)
            self._news.clear()
        return found

    def recent(self, within_s: float, time_s: float) -> tuple[IdentityEvent, ...]:
        """Return who those are that were touched of late, for files that begin now.

        Args:
            within_s: how long ago at most.
            time_s: present time, UTC seconds since 1970.
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
        """Give all of an identity another one, also those that come to it late."""
        if self._merged.get(number, (_NEVER, 0))[0] < rank:
            self._merged[number] = rank, event.message.identity
            self._merged.move_to_end(number)
            if len(self._merged) > _MOST_MERGED:
                self._merged.popitem(last=False)
        # Their ranks stay: it may come later that one of them had left before.
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
        """Drop what is too old, about once a minute, and what is too much."""
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
    """What one message changes here, put together to events for files."""

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
        """Yield an event for each identity that somebody has now, as a rule one."""
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
    """Return the kind for those of here: who had no number before was merged with nobody."""
    return "match" if told == "merge" and not previous else told
