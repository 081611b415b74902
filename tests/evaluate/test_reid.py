"""The evaluation from embeddings to figures, and bar 4 on real pictures."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from reid_tracker.errors import ConfigError, InputError
from reid_tracker.evaluate import (
    Labels,
    Reranking,
    Samples,
    evaluate_reid,
    pairwise_distances,
    score_ranking,
)
from tests.conftest import ROOT, shared
from tests.evaluate.samples import clusters


def split(noise: float = 1.0) -> tuple[Samples, Samples]:
    rows, labels = clusters(np.random.default_rng(0), people=12, pictures=8, noise=noise)
    query = labels.cameras == 0
    return Samples(rows[query], labels[query]), Samples(rows[~query], labels[~query])


def test_is_the_score_of_its_distances() -> None:
    query, gallery = split()
    whole = evaluate_reid(query, gallery, metric="euclidean")
    table = pairwise_distances(query.embeddings, gallery.embeddings, "euclidean")
    again = score_ranking(table, query.labels, gallery.labels)
    assert whole.as_dict() == again.as_dict()
    assert 0.2 < whole.mean_ap < 0.95


def test_blocks_change_nothing() -> None:
    query, gallery = split()
    for options in ({}, {"reranking": Reranking(5, 3)}, {"protocol": "cuhk03-classic"}):
        whole = evaluate_reid(query, gallery, **options)
        parts = evaluate_reid(query, gallery, block_rows=7, **options)
        assert whole.as_dict() == pytest.approx(parts.as_dict())


def test_reranking_helps_noisy_clusters() -> None:
    query, gallery = split()
    plain = evaluate_reid(query, gallery)
    assert evaluate_reid(query, gallery, reranking=Reranking(8, 3)).mean_ap > plain.mean_ap + 0.02


def test_classic_protocol_changes_the_curve_only() -> None:
    query, gallery = split()
    standard = evaluate_reid(query, gallery)
    classic = evaluate_reid(query, gallery, protocol="cuhk03-classic")
    assert classic.mean_ap == standard.mean_ap
    assert classic.rank(1) < standard.rank(1)
    other = evaluate_reid(
        query, gallery, protocol="cuhk03-classic", generator=np.random.default_rng(1)
    )
    assert other.rank(1) != classic.rank(1)
    assert other.rank(1) == pytest.approx(classic.rank(1), abs=0.1)


def test_junk_is_no_neighbour_either() -> None:
    query, gallery = split()
    junk = Samples(query.embeddings, Labels(np.full(len(query), -1), query.labels.cameras))
    joined = Samples(
        np.concatenate([junk.embeddings, gallery.embeddings]),
        Labels(
            np.concatenate([junk.labels.identities, gallery.labels.identities]),
            np.concatenate([junk.labels.cameras, gallery.labels.cameras]),
        ),
    )
    settings = Reranking(5, 3)
    with_junk = evaluate_reid(query, joined, reranking=settings).as_dict()
    assert with_junk == evaluate_reid(query, gallery, reranking=settings).as_dict()


def test_errors() -> None:
    query, gallery = split()
    with pytest.raises(ConfigError, match="classic"):
        evaluate_reid(query, gallery, protocol="classic")  # type: ignore[arg-type]
    zero = Samples(query.embeddings, Labels(query.labels.identities - 1, query.labels.cameras))
    with pytest.raises(InputError, match="add 1"):
        evaluate_reid(zero, gallery)


def test_numpy_and_scipy_are_enough() -> None:
    code = (
        "import sys, reid_tracker.evaluate\n"
        "heavy = {'torch', 'cv2', 'ultralytics', 'onnxruntime', 'matplotlib', 'rich'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.shared
def test_figures_of_the_msmt17_encoder_on_cuhk03() -> None:
    """An independent program measured 0.537 and 0.521 (issue 3, bar 4)."""
    from reid_tracker import build_encoder
    from reid_tracker.video.images import read_image

    files = sorted(shared("data", "reid", "cuhk03", "val").glob("*.jpg"))
    assert len(files) == 938
    encoder = build_encoder(shared("weights", "osnet_x0_25_msmt17.onnx"), device="cpu")
    images = [image for file in files if (image := read_image(file)) is not None]
    whole = [np.array([[0, 0, *image.shape[1::-1]]], np.float32) for image in images]
    rows = np.concatenate(encoder.encode_batch(images, whole))
    names = np.array([file.stem.split("_") for file in files], np.int64)
    camera = names[:, 1] // 5
    sides = [
        Samples(rows[camera == side], Labels(names[camera == side, 0] + 1, camera[camera == side]))
        for side in (0, 1)
    ]
    found = evaluate_reid(sides[0], sides[1])
    assert found.rank(1) == pytest.approx(0.537, abs=0.005)
    assert found.mean_ap == pytest.approx(0.521, abs=0.005)
    assert found.skipped == 0
