"""Random sequences with people, distractors and a tracker that errs, as MOTChallenge text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COUNT = 12
SEQINFO = "[Sequence]\nname={name}\nimDir=img1\nframeRate=10\nseqLength={length}\nimExt=.jpg\n"


def write_sequence(
    folder: Path, name: str, seed: int, *, length: int = COUNT, classes: bool = True
) -> tuple[Path, Path]:
    """Write FOLDER/gt/NAME/gt/gt.txt with its seqinfo.ini, and FOLDER/results/t/data/NAME.txt.

    Rows are in random order, some frames have no boxes, and people come and go.

    Returns:
        The folder of the sequence, and the file of the result.
    """
    rng = np.random.default_rng(seed)
    starts, speeds = rng.uniform(0, 300, (7, 2)), rng.normal(0, 3, (7, 2))
    kinds = [1, 1, 1, 7, 8, 6, 12] if classes else [1] * 7
    truth, found = [], []
    for frame in range(1, length + 1):
        if rng.random() < 0.1:
            continue
        taken: set[int] = set()
        for person in range(7):
            if rng.random() < 0.15:
                continue
            left, top = starts[person] + frame * speeds[person]
            mark = int(rng.random() > 0.1)
            end = f"{kinds[person]},{rng.random():.2f}" if classes else "-1,-1,-1"
            truth.append(f"{frame},{person + 1},{left:.2f},{top:.2f},40,90,{mark},{end}")
            identity = person + 1 if rng.random() < 0.9 else int(rng.integers(1, 12))
            if rng.random() < 0.8 and identity not in taken:
                taken.add(identity)
                x, y = rng.normal(0, 6, 2)
                found.append(f"{frame},{identity},{left + x:.2f},{top + y:.2f},40,90,0.9,-1,-1,-1")
        if rng.random() < 0.3:
            found.append(f"{frame},50,{rng.uniform(0, 300):.2f},10,40,90,0.5,-1,-1,-1")
    sequence = folder / "gt" / name
    result = folder / "results" / "t" / "data" / f"{name}.txt"
    (sequence / "gt").mkdir(parents=True)
    result.parent.mkdir(parents=True, exist_ok=True)
    (sequence / "seqinfo.ini").write_text(SEQINFO.format(name=name, length=length))
    for path, lines in ((sequence / "gt" / "gt.txt", truth), (result, found)):
        path.write_text("".join(f"{line}\n" for line in rng.permutation(lines)))
    return sequence, result
