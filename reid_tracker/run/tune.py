"""Searches tracker options for the best tracks, by Optuna; the only file that imports it.

The search is led by HOTA and IDF1 alone, and every proposal depends only on the seed and on the
scores so far. So the options that are tried, their scores and the best of them are the same on
every machine, also if the search is stopped and goes on. Speed is measured beside it: it keeps
faster options among the results, but leads the search nowhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from reid_tracker.config import DeepSortConfig
from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError, MissingDependencyError
from reid_tracker.evaluate.mot import (
    Benchmark,
    MotReport,
    MotSequence,
    TrueBoxes,
    evaluate_mot,
    scored_frames,
)
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.geometry import tlwh_to_xyxy
from reid_tracker.run.found import FoundVideo, replay
from reid_tracker.run.tune_space import Axis, Value

if TYPE_CHECKING:
    import optuna

_STEPS = 1_000_003  # apart are the seeds of two searches
_DIGITS = 4  # of the numbers tried
_CLEARLY_FASTER = 1.1  # times: smaller differences of measured speeds are chance
_RANDOM = 10  # trials before the sampler learns
_DIRECTIONS = ("maximize", "maximize")
_ABOUT = "about"  # attribute of the study
_HEAD = b'{"op_code":'


class Score(NamedTuple):
    """How good options are on some sequences.

    Attributes:
        hota: HOTA of all sequences together, 0 to 1.
        idf1: IDF1 of all sequences together, 0 to 1.
        updates_per_s: updates of the tracker in a second, without models and camera motion.
    """

    hota: float
    idf1: float
    updates_per_s: float


class Trial(NamedTuple):
    """Options that were tried.

    Attributes:
        values: by the name of the option.
        score: on the sequences of the search.
    """

    values: Mapping[str, Value]
    score: Score


@dataclass(frozen=True, eq=False)
class Scene:
    """A sequence to track and to score.

    Attributes:
        sequence: its name and files.
        found: what a tracker takes of it.
        truth: its ground truth.
        benchmark: whose rules it has.
    """

    sequence: MotSequence
    found: FoundVideo
    truth: TrueBoxes
    benchmark: Benchmark


def require_optuna() -> Any:
    """Return optuna, silent.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise MissingDependencyError(
            "the search needs the package optuna; install it with pip install 'reid-tracker[tune]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def score(config: DeepSortConfig, scenes: Sequence[Scene]) -> Score:
    """Track and score sequences."""
    frames, seconds = 0, 0.0
    compared = {}
    for scene in scenes:
        rows, took = replay(scene.found, config)
        seconds += took
        frames += len(scene.found.frames)
        boxes = IdentityBoxes(
            rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), tlwh_to_xyxy(rows[:, 2:6])
        )
        compared[scene.sequence.name] = scored_frames(scene.truth, boxes, scene.benchmark)
    report: MotReport = evaluate_mot(compared)
    return Score(report.combined.hota, report.combined.idf1, frames / max(seconds, 1e-9))


def split(scenes: Sequence[Scene], held_out: Iterable[str]) -> tuple[list[Scene], list[Scene]]:
    """Return the sequences to search with, and those that are held out.

    If none is named, every third video is held out. Sequences with the same pictures, as the three
    of each MOT17 video, stay together.

    Raises:
        ConfigError: a name is that of no sequence, or no sequence is left.
    """
    named = set(held_out)
    if unknown := sorted(named - {scene.sequence.name for scene in scenes}):
        raise ConfigError(
            f"--hold-out {unknown[0]}: expected a sequence among "
            f"{', '.join(scene.sequence.name for scene in scenes)}"
        )
    videos = list(dict.fromkeys(scene.found.content for scene in scenes))
    kept_back = {scene.found.content for scene in scenes if scene.sequence.name in named}
    kept_back = kept_back or set(videos[2::3])
    searched = [scene for scene in scenes if scene.found.content not in kept_back]
    if not searched:
        raise ConfigError("--hold-out names every video: expected one that is left to search with")
    return searched, [scene for scene in scenes if scene.found.content in kept_back]


def search(
    file: Path,
    space: Mapping[str, Axis],
    scored: Callable[[Mapping[str, Value]], Score],
    *,
    trials: int,
    seed: int,
    about: Mapping[str, Any],
    step: Callable[[Trial], None] = lambda _: None,
) -> list[Trial]:
    """Try options, the start first, until there are as many trials as asked for.

    Args:
        file: Optuna's journal of the study; a study that is there goes on.
        space: the options by name.
        scored: scores options.
        trials: number of trials, with those of earlier runs.
        seed: of the proposals.
        about: what the scores depend on besides the options; that of a study that goes on must be
            the same.
        step: called after each trial, also those of earlier runs.

    Returns:
        The trials, in order.

    Raises:
        MissingDependencyError: optuna is not installed.
        ConfigError: the study in the file is about something else.
    """
    optuna = require_optuna()
    kept = _open_study(optuna, file)
    axes = {name: asdict(axis) for name, axis in space.items()}
    text = json.dumps({**about, "seed": seed, "space": axes}, sort_keys=True)
    if kept.user_attrs.get(_ABOUT, text) != text:
        raise ConfigError(
            f"{file} is a search with other sequences, models, options or seed: give the same, or "
            "choose another folder with --output"
        )
    kept.set_user_attr(_ABOUT, text)
    # Works in memory, so that only whole trials are in the file.
    study = optuna.create_study(directions=_DIRECTIONS)
    study.add_trials(kept.trials)
    done = [_finished(trial) for trial in study.trials]
    for trial in done:
        step(trial)
    while len(done) < trials:
        # The state of a sampler is not in the file. One of its own for each trial makes a search
        # that was stopped propose what it would have proposed.
        seeds = (seed * _STEPS + len(done)) % 2**32
        study.sampler = optuna.samplers.TPESampler(seed=seeds, n_startup_trials=_RANDOM)
        start = {name: axis.start for name, axis in space.items()}
        if not done:
            study.enqueue_trial(start)
        asked = study.ask()
        values = {name: _proposed(asked, name, axis) for name, axis in space.items()}
        values = values if done else start
        found = scored(values)
        asked.set_user_attr("values", values)
        asked.set_user_attr("updates_per_s", found.updates_per_s)
        kept.add_trial(study.tell(asked, [found.hota, found.idf1]))
        done.append(Trial(values, found))
        step(done[-1])
    return done


def _open_study(optuna: Any, file: Path) -> Any:
    """Open or make the study in a file.

    Raises:
        ConfigError: the file holds something else.
    """
    try:
        content = file.read_bytes() if file.exists() else b""
        if content and not content.startswith(_HEAD):
            raise ValueError("no journal of Optuna")
        if content and not content.endswith(b"\n"):  # of a run that was killed as it wrote
            os.truncate(file, content.rfind(b"\n") + 1)
        journal = optuna.storages.journal
        # Its lock is one of processes; the folder has the lock of the run.
        Path(f"{file}.lock").unlink(missing_ok=True)
        backend = journal.JournalFileBackend(str(file), journal.JournalFileOpenLock(str(file)))
        return optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name="tune",
            directions=_DIRECTIONS,
            load_if_exists=True,
        )
    except Exception as error:  # optuna raises many types for damaged files
        raise ConfigError(
            f"{file} cannot be used: {shown(error, str)}; expected the file of an earlier search, "
            "or none: choose another folder with --output"
        ) from None


def _finished(trial: optuna.trial.FrozenTrial) -> Trial:
    hota, idf1 = trial.values
    return Trial(trial.user_attrs["values"], Score(hota, idf1, trial.user_attrs["updates_per_s"]))


def _proposed(trial: optuna.Trial, name: str, axis: Axis) -> Value:
    """Return the next value of an option, with few digits."""
    if axis.limits is None:
        return bool(trial.suggest_categorical(name, [False, True]))
    low, high, log, _ = axis.limits
    if axis.whole:
        return trial.suggest_int(name, int(low), int(high), log=log)
    value = trial.suggest_float(name, low, high, log=log)
    return min(max(float(f"{value:.{_DIGITS}g}"), low), high)


def best_of(trials: Sequence[Trial]) -> int:
    """Return the number of the first trial with the highest sum of HOTA and IDF1."""
    return int(np.argmax([trial.score.hota + trial.score.idf1 for trial in trials]))


def front_of(trials: Sequence[Trial]) -> list[int]:
    """Return the numbers of the trials than which none is better: the Pareto front.

    A trial is better if it is in HOTA and IDF1 at least as good, in one of them better, and not
    clearly slower. Of trials with the same scores the earliest is kept, and any that is clearly
    faster.
    """
    table = np.array([trial.score for trial in trials]).reshape(-1, 3)
    front = []
    for number, (hota, idf1, speed) in enumerate(table):
        good = (table[:, 0] >= hota) & (table[:, 1] >= idf1)
        good &= table[:, 2] * _CLEARLY_FASTER >= speed
        better = (table[:, 0] > hota) | (table[:, 1] > idf1) | (np.arange(len(table)) < number)
        if not (good & better).any():
            front.append(number)
    return front
