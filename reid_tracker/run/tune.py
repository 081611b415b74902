"""Searches tracker options for the best tracks, by Optuna; the only file that imports it.

The search maximises HOTA and IDF1, and every proposal depends only on the seed and on the scores so
far. So trials and scores are the same on every machine, also if the search is stopped and resumed.
Speed is measured too: it keeps faster options among the results, but does not guide the search.
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

_STEPS = 1_000_003  # difference between the seeds of two searches
_DIGITS = 4  # significant digits of proposed values
_CLEARLY_FASTER = 1.1  # ratio: smaller differences of speed are noise
_RANDOM = 10  # random trials before the sampler learns
_DIRECTIONS = ("maximize", "maximize")
_ABOUT = "about"  # attribute of the study
_HEAD = b'{"op_code":'


class Score(NamedTuple):
    """The scores of options on some sequences.

    Attributes:
        hota: HOTA of all sequences together, 0 to 1.
        idf1: IDF1 of all sequences together, 0 to 1.
        updates_per_s: tracker updates per second, without models and camera motion.
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
        found: the tracker's input.
        truth: its ground truth.
        benchmark: the benchmark whose rules apply.
    """

    sequence: MotSequence
    found: FoundVideo
    truth: TrueBoxes
    benchmark: Benchmark


def require_optuna() -> Any:
    """Return optuna with its log turned off.

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
        ConfigError: a name is unknown, or no sequence is left to search with.
    """
    named = set(held_out)
    if unknown := sorted(named - {scene.sequence.name for scene in scenes}):
        raise ConfigError(
            f"--hold-out {unknown[0]}: unknown sequence; expected one of "
            f"{', '.join(scene.sequence.name for scene in scenes)}"
        )
    videos = list(dict.fromkeys(scene.found.content for scene in scenes))
    kept_back = {scene.found.content for scene in scenes if scene.sequence.name in named}
    kept_back = kept_back or set(videos[2::3])
    searched = [scene for scene in scenes if scene.found.content not in kept_back]
    if not searched:
        raise ConfigError("--hold-out names every video: leave at least one to search with")
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
    """Try options, the start first, until the given number of trials is reached.

    Args:
        file: Optuna's journal of the study; an existing study is resumed.
        space: the options by name.
        scored: scores options.
        trials: number of trials, including those of earlier runs.
        seed: of the proposals.
        about: what the scores depend on besides the options; it must not change when a study is
            resumed.
        step: called after each trial, including those of earlier runs.

    Returns:
        The trials, in order.

    Raises:
        MissingDependencyError: optuna is not installed.
        ConfigError: the study in the file has another `about`.
    """
    optuna = require_optuna()
    kept = _open_study(optuna, file)
    axes = {name: asdict(axis) for name, axis in space.items()}
    text = json.dumps({**about, "seed": seed, "space": axes}, sort_keys=True)
    if kept.user_attrs.get(_ABOUT, text) != text:
        raise ConfigError(
            f"{file} holds a search with other sequences, models, options or seed: use those, or "
            "choose another folder with --output"
        )
    kept.set_user_attr(_ABOUT, text)
    # Trials run in memory, so that the file holds only complete ones.
    study = optuna.create_study(directions=_DIRECTIONS)
    study.add_trials(kept.trials)
    done = [_finished(trial) for trial in study.trials]
    for trial in done:
        step(trial)
    while len(done) < trials:
        # The file does not hold the sampler's state. A new sampler for each trial makes a resumed
        # search propose the same values as an uninterrupted one.
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
        ConfigError: the file is not a study.
    """
    try:
        content = file.read_bytes() if file.exists() else b""
        if content and not content.startswith(_HEAD):
            raise ValueError("not an Optuna journal")
        if content and not content.endswith(b"\n"):  # a run was killed while writing
            os.truncate(file, content.rfind(b"\n") + 1)
        journal = optuna.storages.journal
        # Optuna's lock is not needed: the run has locked the folder.
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
            f"{file} cannot be used: {shown(error, str)}; expected the file of an earlier search "
            "or no file; choose another folder with --output"
        ) from None


def _finished(trial: optuna.trial.FrozenTrial) -> Trial:
    hota, idf1 = trial.values
    return Trial(trial.user_attrs["values"], Score(hota, idf1, trial.user_attrs["updates_per_s"]))


def _proposed(trial: optuna.Trial, name: str, axis: Axis) -> Value:
    """Return the proposed value of an option, rounded to few digits."""
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
    """Return the numbers of the trials on the Pareto front: no other trial is better.

    A trial is better than another if both HOTA and IDF1 are at least as high, one is higher, and it
    is not clearly slower. Of trials with equal scores, the earliest and any clearly faster ones are
    kept.
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
