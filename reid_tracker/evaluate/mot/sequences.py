"""Finds ground truth and results: MOTChallenge folders, plain files, and folders of runs."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reid_tracker.errors import InputError

_TRUTH = Path("gt") / "gt.txt"
_MOST_BYTES = 65536
"""Maximum read of a seqinfo.ini, which has about 150 bytes."""
_LONGEST = 2**53
_MOST_NAMED = 5


@dataclass(frozen=True)
class MotSequence:
    """A sequence with ground truth.

    Attributes:
        name: name of its folder, or of its file without suffix.
        truth: file of the ground truth.
        length: number of frames; None without a seqinfo.ini.
        frame_rate: frames per second; None without a seqinfo.ini.
        images: folder of the frames; None if there is none.
    """

    name: str
    truth: Path
    length: int | None = None
    frame_rate: float | None = None
    images: Path | None = None


def is_truth(path: Path) -> bool:
    """Whether a path is a MOTChallenge folder, a folder of these, or a gt.txt."""
    if path.is_dir():
        return (path / _TRUTH).is_file() or any(path.glob(f"[!.]*/{_TRUTH.as_posix()}"))
    return path.name == _TRUTH.name


def find_sequences(paths: Iterable[Path]) -> list[MotSequence]:
    """Return the sequences of the given paths, in order; within a folder, by name.

    Args:
        paths: SEQUENCE, a folder of sequences, SEQUENCE/gt/gt.txt, or a plain file.

    Raises:
        InputError: a folder has no ground truth, two sequences share a name, or a seqinfo.ini is
            malformed.
    """
    found: dict[str, MotSequence] = {}
    for path in paths:
        for one in _sequences_at(path):
            if one.name in found:
                raise InputError(
                    f"sequence {one.name} is given twice: {found[one.name].truth} and {one.truth}"
                )
            found[one.name] = one
    return list(found.values())


def _sequences_at(path: Path) -> list[MotSequence]:
    if not path.is_dir():
        inside = path.absolute().parts[-2:] == _TRUTH.parts
        return (
            [_sequence(path.absolute().parents[1], path)]
            if inside
            else [MotSequence(path.stem, path)]
        )
    folders = (
        [path]
        if (path / _TRUTH).is_file()
        else sorted(truth.parents[1] for truth in path.glob(f"[!.]*/{_TRUTH.as_posix()}"))
    )
    if not folders:
        raise InputError(f"{path}: expected gt/gt.txt or SEQUENCE/gt/gt.txt in this folder")
    return [_sequence(folder, folder / _TRUTH) for folder in folders]


def _sequence(folder: Path, truth: Path) -> MotSequence:
    """Return the sequence of a folder, with the values of its seqinfo.ini.

    Raises:
        InputError: the seqinfo.ini cannot be read.
    """
    name, path = folder.resolve().name, folder / "seqinfo.ini"
    if not path.is_file():
        return MotSequence(name, truth, images=_existing(folder / "img1"))
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8-sig") as file:
            parser.read_string(file.read(_MOST_BYTES))
        section = parser["Sequence"]
        length, rate = float(section["seqLength"]), float(section.get("frameRate", "25"))
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}: {reason}: expected seqLength and frameRate under [Sequence]"
        ) from None
    if not 1 <= length <= _LONGEST or not 0 < rate < float("inf"):
        raise InputError(
            f"{path}: seqLength {length:g}, frameRate {rate:g}: expected more than 0, and frames "
            "up to 2^53"
        )
    images = _existing(folder / section.get("imDir", "img1"))
    return MotSequence(name, truth, int(length), rate, images)


def _existing(folder: Path) -> Path | None:
    return (
        folder if os.path.isdir(folder) else None
    )  # unlike is_dir, does not fail on a name that is too long


def find_results(sequences: Sequence[MotSequence], paths: Sequence[Path]) -> dict[str, Path]:
    """Return the result file of each sequence.

    Plain files are matched by name; if no name fits and there are as many files as sequences, by
    order. In a folder the file is SEQUENCE.txt, or SEQUENCE_global.txt of a run over several
    cameras; it may be in "data", as in TrackEval, or alone in a folder of the sequence's name. A
    single sequence takes the only text of a folder, whatever its name.

    Raises:
        InputError: a sequence has no result.
    """
    files = [path for path in paths if not path.is_dir()]
    names = [one.name for one in sequences]
    if len(files) == len(paths) == len(names) and not {path.stem for path in files} & set(names):
        return dict(zip(names, files, strict=True))
    found: dict[str, Path] = {path.stem: path for path in files}
    for folder in paths:
        if folder.is_dir():
            found = _in_folder(folder, names) | found
    missing = [name for name in names if name not in found]
    if missing:
        rest = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        raise InputError(
            f"no result of {', '.join(missing[:_MOST_NAMED])}{rest} in "
            f"{', '.join(map(str, paths))}: expected {missing[0]}.txt; a sequence in which nobody "
            "was found has an empty file"
        )
    return {name: found[name] for name in names}


def _in_folder(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the results of sequences that a folder holds."""
    found: dict[str, Path] = {}
    for name in names:
        places = [folder / f"{name}.txt", folder / "data" / f"{name}.txt"]
        places += [folder / f"{name}_global.txt", *_only_text(folder / name)]
        places += _only_text(folder) if len(names) == 1 else []
        if here := next((place for place in places if place.is_file()), None):
            found[name] = here
    return found


def _only_text(folder: Path) -> list[Path]:
    texts = sorted(folder.glob("[!.]*.txt"))
    return texts if len(texts) == 1 else []
