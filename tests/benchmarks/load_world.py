"""Messages of many camera hosts: people who walk through simulated cities.

Each site is a separate city (`city_world`) with simulated embeddings (`city_looks`). A visit to a
camera makes the messages of `reid-track edge`: "new" when there are enough good embeddings,
"update" every `edge.report_every_s` while the person is seen, and "end" when the track is deleted,
which is `tracker.max_age_s` later. Every camera also reports its status regularly.

With the default model (one person per camera, 0.41 of them in view), a camera makes 0.30 messages
about people and 0.1 status messages per second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.central.records import Key, camera_name
from reid_tracker.match import Passage, Topology
from reid_tracker.transport import (
    CameraMessage,
    Message,
    Observation,
    Prototypes,
    TrackletMessage,
    encode_message,
    subject_of,
)
from reid_tracker.transport.wire.messages import TrackletState
from tests.benchmarks.city_looks import ENCODERS, Looks
from tests.benchmarks.city_world import World, name, topology, walk

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

ENCODER = "5f" * 32
BOOT = "0123456789abcdef0123456789abcdef"
_AT_ONCE = 4096
_LONGEST_VISIT_S = 30.0
"""Who is still in sight at the end of a city's time is left out of it."""
_BOX = (0.05, 0.3)
"""Width and height of a person as parts of the frame."""


@dataclass(frozen=True)
class LoadModel:
    """How much the cameras tell; times as in configs/edge.yaml.

    Attributes:
        people: who walks in a city, for each of its cameras.
        cameras_per_edge: cameras of one host.
        cameras_per_site: most cameras of one site; more make several sites of equal size.
        frames_s: frames a second.
        first_s: from the first sight until enough good looks are there.
        report_every_s: see `EdgeConfig`.
        observe_every_s: likewise.
        status_every_s: likewise.
        gone_s: `tracker.max_age_s`: so long after the last sight a track is given up.
        prototypes: looks in the first message about somebody, in the second, and so on, of which
            `sent_bytes` finds 1.9, 3.5, 4.7, 5.1, 5.1 in the demo clip.
    """

    people: float = 1.0
    cameras_per_edge: int = 10
    cameras_per_site: int = 1000
    frames_s: float = 10.0
    first_s: float = 0.6
    report_every_s: float = 2.0
    observe_every_s: float = 0.2
    status_every_s: float = 10.0
    gone_s: float = 10.0
    prototypes: tuple[int, ...] = (2, 4, 5)


class Told(NamedTuple):
    """A message as it goes to the broker.

    Attributes:
        due_s: when it is sent, seconds since the beginning.
        subject: where to.
        message_id: its id.
        data: what.
        key: the tracklet that begins with it; None for all but the first of each.
    """

    due_s: float
    subject: str
    message_id: str
    data: bytes
    key: Key | None


@dataclass
class _Edges:
    """Numbers the messages of the hosts of one site, in the order in which they are sent."""

    site: str
    cameras_per_edge: int
    sent: dict[str, int] = field(default_factory=dict)

    def of(self, camera: int) -> str:
        return f"{self.site}-host-{camera // self.cameras_per_edge:04d}"

    def next(self, edge: str) -> int:
        number = self.sent.get(edge, 0)
        self.sent[edge] = number + 1
        return number


@dataclass(frozen=True, eq=False)
class Site:
    """A city with the messages of its cameras.

    Attributes:
        name: of the site.
        cameras: how many it has.
        world: who is seen where and when.
        model: how much is told.
        base_s: UTC seconds since 1970 of its time 0.
        seed: of its people's looks.
    """

    name: str
    cameras: int
    world: World
    model: LoadModel
    base_s: float
    seed: int

    def layout(self) -> Topology:
        """Return the passages between its cameras, under the names that the centre gives them."""
        plain = topology(self.world.streets)
        edges = _Edges(self.name, self.model.cameras_per_edge)
        full = {name(one): camera_name(edges.of(one), name(one)) for one in range(self.cameras)}
        passages = tuple(
            Passage((full[one.between[0]], full[one.between[1]]), one.min_s, one.max_s)
            for one in plain.passages
        )
        return Topology(passages, plain.returning_s, plain.unlisted)

    def truth(self) -> dict[Key, int]:
        """Return who each tracklet truly is."""
        edges = _Edges(self.name, self.model.cameras_per_edge)
        return {
            (edges.of(camera), BOOT, name(camera), row + 1): person
            for row, (camera, person) in enumerate(
                zip(self.world.camera.tolist(), self.world.person.tolist(), strict=True)
            )
        }

    def messages(self) -> Iterator[Told]:
        """Yield all messages in the order in which they are sent."""
        edges = _Edges(self.name, self.model.cameras_per_edge)
        due_s, visit, number, state = self._schedule()
        looks = Looks(ENCODERS["osnet_x0_25_msmt17"], self.seed)
        for start in range(0, len(due_s), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            vectors = self._vectors(looks, visit[part], start)
            columns = (due_s[part], visit[part], number[part], state[part])
            cells = zip(*(column.tolist() for column in columns), vectors, strict=True)
            for at_s, row, count, kind, rows in cells:
                message: Message = (
                    self._status(edges, at_s, row)
                    if kind == _STATUS
                    else self._tracklet(edges, at_s, row, count, kind, rows)
                )
                key = message.key if isinstance(message, TrackletMessage) and not count else None
                subject = str(subject_of(message, self.name))
                yield Told(at_s, subject, message.message_id, encode_message(message), key)

    def _schedule(self) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
        """Return when, about which visit or camera, the how-manieth, and what kind of message."""
        world, model = self.world, self.model
        # Whoever never gives enough looks is not told of.
        visits = np.flatnonzero(world.last_s - world.first_s >= model.first_s)
        seen_s = (world.last_s - world.first_s)[visits] - model.first_s
        counts = 2 + (seen_s / model.report_every_s).astype(np.int64)
        visit = np.repeat(visits, counts)
        number = np.arange(len(visit)) - np.repeat(counts.cumsum() - counts, counts)
        last = number == np.repeat(counts, counts) - 1
        due_s = world.first_s[visit] + model.first_s + number * model.report_every_s
        due_s[last] = world.last_s[visit[last]] + model.gone_s
        kind = np.where(last, _END, np.where(number > 0, _UPDATE, _NEW))
        rounds = 1 + int(world.last_s.max(initial=0) / model.status_every_s)
        camera = np.tile(np.arange(self.cameras), rounds)
        phase = np.random.default_rng(self.seed).uniform(0, model.status_every_s, self.cameras)
        told_s = np.repeat(np.arange(rounds), self.cameras) * model.status_every_s + phase[camera]
        due_s = np.concatenate([due_s, told_s])
        order = np.argsort(due_s, kind="stable")
        none = np.zeros(len(camera), np.int64)
        return (
            due_s[order],
            np.concatenate([visit, camera])[order],
            np.concatenate([number, none])[order],
            np.concatenate([kind, none + _STATUS])[order],
        )

    def _vectors(self, looks: Looks, visit: IntArray, draw: int) -> npt.NDArray[np.float16]:
        """Return the (N, P, D) looks of visits; those of messages about cameras are not taken."""
        visit = np.minimum(visit, len(self.world) - 1)
        each = np.full(len(visit), 4)
        people, cameras = self.world.person[visit], self.world.camera[visit]
        most = max(self.model.prototypes)
        return looks.tracklets(people, cameras, each, most, draw).astype(np.float16)

    def _tracklet(
        self,
        edges: _Edges,
        at_s: float,
        row: int,
        number: int,
        kind: int,
        vectors: npt.NDArray[np.float16],
    ) -> TrackletMessage:
        model, world = self.model, self.world
        first_s, last_s = float(world.first_s[row]), float(world.last_s[row])
        seen_s = min(at_s, last_s)
        since_s = first_s if not number else max(at_s - model.report_every_s, first_s)
        if kind == _END:
            since_s = first_s + model.first_s + (number - 1) * model.report_every_s
        count = max(1, min(64, int((seen_s - since_s) / model.observe_every_s)))
        times_s = np.linspace(max(since_s, seen_s - count * model.observe_every_s), seen_s, count)
        taken = model.prototypes[min(number, len(model.prototypes) - 1)]
        camera = int(world.camera[row])
        frames = max(int((seen_s - first_s) * model.frames_s), 5)
        edge = edges.of(camera)
        return TrackletMessage(
            edge=edge,
            boot=BOOT,
            edge_seq=edges.next(edge),
            camera=name(camera),
            track=row + 1,
            state=_STATES[kind],
            start_s=self.base_s + first_s,
            end_s=self.base_s + seen_s,
            clock="rtcp",
            frames=frames,
            quality=0.8,
            observations=tuple(
                _observation(self.base_s + one, (one - first_s) / (last_s - first_s))
                for one in times_s.tolist()
            ),
            prototypes=Prototypes.of(ENCODER, vectors[:taken], np.full(taken, frames / taken)),
        )

    def _status(self, edges: _Edges, at_s: float, camera: int) -> CameraMessage:
        edge, frames = edges.of(camera), int(at_s * self.model.frames_s)
        return CameraMessage(
            edge=edge,
            boot=BOOT,
            edge_seq=edges.next(edge),
            camera=name(camera),
            time_s=self.base_s + at_s,
            state="live",
            reason="",
            clock="rtcp",
            frames=frames,
            dropped=0,
            frame_rate=self.model.frames_s,
            frame_age_s=0.1,
        )


_STATES: tuple[TrackletState, ...] = ("new", "update", "end")
_NEW, _UPDATE, _END, _STATUS = range(4)


def sites(
    cameras: int, seconds: float, base_s: float, model: LoadModel | None = None, least: int = 1
) -> list[Site]:
    """Make sites with as many cameras together.

    Args:
        cameras: of all sites.
        seconds: for which messages are complete; some come later.
        base_s: UTC seconds since 1970 when it begins.
        model: how much is told.
        least: sites to make at least.
    """
    model = model or LoadModel()
    count = max(least, -(-cameras // model.cameras_per_site))
    each = cameras // count
    made = []
    for seed in range(count):
        world = walk(each, round(each * model.people), seconds + _LONGEST_VISIT_S, seed)
        made.append(Site(f"site-{seed:02d}", each, world, model, base_s, seed))
    return made


def joint_layout(places: list[Site]) -> Topology:
    """Return the passages of all sites: a centre reads one file."""
    layouts = [one.layout() for one in places]
    passages = tuple(passage for layout in layouts for passage in layout.passages)
    return Topology(passages, layouts[0].returning_s, layouts[0].unlisted)


def _observation(time_s: float, way: float) -> Observation:
    """Return where somebody is who has gone a part of the way through the picture."""
    width, height = _BOX
    left, top = 0.9 * way, 0.4
    return Observation(
        time_s, (left, top, left + width, top + height), (left + width / 2, top + height)
    )
