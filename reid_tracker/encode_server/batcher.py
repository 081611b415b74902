"""Encodes the crops of several callers together, in one thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from reid_tracker.closing import Closing
from reid_tracker.encode.base import Encoder
from reid_tracker.errors import ReidTrackerError
from reid_tracker.types import Boxes, Embeddings, ImageBGR


@dataclass(frozen=True)
class _Job:
    images: Sequence[ImageBGR]
    boxes: Sequence[Boxes]
    done: Future[list[Embeddings]] = field(default_factory=Future)

    @property
    def crops(self) -> int:
        return sum(map(len, self.boxes))


class Batcher(Closing):
    """Gives an encoder whatever waits when it becomes free, as one batch.

    Nobody waits for a batch to fill: a single caller is as fast as without it.

    Args:
        encoder: used from one thread only.
        most_crops: in one batch, unless a single request has more.
    """

    def __init__(self, encoder: Encoder, most_crops: int = 64) -> None:
        self._encoder, self._most_crops = encoder, most_crops
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def submit(
        self, images: Sequence[ImageBGR], boxes: Sequence[Boxes]
    ) -> Future[list[Embeddings]]:
        """Ask for the embeddings of the boxes of some images; see `Encoder.encode_batch`."""
        job = _Job(images, boxes)
        with self._changed:
            if self._closed:
                job.done.set_exception(ReidTrackerError("the encoder stops"))
            else:
                self._jobs.append(job)
                self._changed.notify()
        return job.done

    def close(self) -> None:
        """Finish the batch that runs, and cancel what waits."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.done.cancel()
            self._jobs.clear()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while jobs := self._next():
            images = [image for job in jobs for image in job.images]
            boxes = [rows for job in jobs for rows in job.boxes]
            try:
                embeddings = self._encoder.encode_batch(images, boxes)
            except Exception as error:
                for job in jobs:
                    job.done.set_exception(error)
                continue
            start = 0
            for job in jobs:
                job.done.set_result(embeddings[start : start + len(job.boxes)])
                start += len(job.boxes)

    def _next(self) -> list[_Job]:
        """Wait for jobs, and take as many as fit into a batch; none when it is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if self._closed:
                    return []
                taken: list[_Job] = []
                room = self._most_crops
                while self._jobs and (not taken or self._jobs[0].crops <= room):
                    job = self._jobs.popleft()
                    if job.done.set_running_or_notify_cancel():
                        taken.append(job)
                        room -= job.crops
                if taken:
                    return taken
