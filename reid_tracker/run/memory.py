"""The gallery of a tracking run: opened before the models, closed after the outputs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from reid_tracker.config import Config
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.errors import ConfigError
from reid_tracker.match.gallery.run import Remember, remembering
from reid_tracker.pipeline import MOTION_ONLY
from reid_tracker.run.moments import moment, parse_moment
from reid_tracker.video import Source

_FAR_APART_S = 60.0

_log = logging.getLogger(__name__)


def open_memory(
    config: Config,
    sources: Sequence[Source],
    stack: ExitStack,
    picture_of: Callable[[str, int], bytes | None] | None,
) -> Remember | None:
    """Open the gallery that a configuration names, if it names one.

    Args:
        config: of the run.
        sources: open sources.
        stack: closes the gallery.
        picture_of: returns the pictures to store; None stores no pictures.

    Returns:
        A function that makes the pipeline's matcher remember people; None without a gallery.

    Raises:
        ReidTrackerError: the gallery cannot be opened or used with these settings.
    """
    if config.gallery.address is None:
        return None
    if config.encoder.model == MOTION_ONLY or not config.match.enabled:
        raise ConfigError(
            f"gallery.address with encoder.model = {config.encoder.model} and match.enabled = "
            f"{str(config.match.enabled).lower()}: a gallery compares embeddings; expected "
            "an encoder, and true"
        )
    start_s = start_of(config.gallery.start_time, sources)
    model = model_fingerprint(config.encoder)
    return stack.enter_context(
        remembering(config.gallery, model, start_s=start_s, picture_of=picture_of)
    )


def start_of(start_time: str | None, sources: Sequence[Source]) -> float:
    """Return UTC seconds since 1970 at time 0 of a run, the same for all of its sources.

    This is the user's time, else the current time for a camera or stream, else the earliest
    creation time in a file, else 0: times are then seconds of the video.

    Args:
        start_time: the user's time, or None.
        sources: open sources.

    Raises:
        ConfigError: `start_time` is not a valid time.
    """
    if start_time is not None:
        return parse_moment(start_time)
    if any(source.live for source in sources):
        return time.time()
    known = [one.info.recorded_s for one in sources if one.info.recorded_s is not None]
    if not known:
        _log.warning(
            "%s: the file does not say when it was recorded; times are stored as seconds from its "
            "start; set --start-time to change that",
            ", ".join(source.name for source in sources),
        )
        return 0.0
    if max(known) - min(known) > _FAR_APART_S:
        _log.warning(
            "the files were recorded from %s to %s, but this run starts them together, "
            "at the earlier time; if that is wrong, run them one by one",
            moment(min(known)),
            moment(max(known)),
        )
    return min(known)
