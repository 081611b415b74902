"""Gate records, profiles and clusters, against plain loops over the network's own modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_tracker.encode.preprocess import normalise
from reid_tracker.errors import InputError
from reid_tracker.explain import (
    GateRecord,
    cluster_gates,
    record_gates,
)
from reid_tracker.explain.gates import in_deviations
from reid_tracker.explain.nets import to_crops
from reid_tracker.osnet import EmbeddingNet, OSNet, osnet_ain_x0_25
from tests.explain.synthetic import pictures, tiny_net

BLOCKS = ("conv2.0", "conv2.1", "conv3.0", "conv3.1", "conv4.0", "conv4.1")


def plain_activations(net: EmbeddingNet, image: np.ndarray) -> dict[str, np.ndarray]:
    """Walk through the net by hand and ask each gate for each stream: (T, C) for every block."""
    found = {}
    assert isinstance(net, OSNet)
    x = net.maxpool(net.conv1(torch.from_numpy(normalise(to_crops([image], net.input_size)))))
    for stage in ("conv2", "conv3", "conv4"):
        for number, module in enumerate(getattr(net, stage)):
            if number < 2:
                streams = [stream(module.conv1(x)) for stream in module.streams]
                weights = [module.gate.activations(stream)[0, :, 0, 0] for stream in streams]
                found[f"{stage}.{number}"] = torch.stack(weights).numpy()
            x = module(x)
    return found


@pytest.mark.parametrize("aggregation", ["unified", "stream"])
def test_record_is_that_of_the_oracle(aggregation: str) -> None:
    net, images = tiny_net(aggregation=aggregation), pictures(5)
    record = record_gates(net, images, batch_size=2)
    assert record.blocks == BLOCKS
    assert record.receptive_fields.tolist() == [3, 5, 7, 9]
    assert len(record) == 5
    channels = [16, 16, 24, 24, 32, 32] if aggregation == "unified" else [1] * 6
    assert [block.shape for block in record.activations] == [(5, 4, c) for c in channels]
    for row, image in enumerate(images):
        expected = plain_activations(net, image)
        for name, found in zip(record.blocks, record.activations, strict=True):
            np.testing.assert_allclose(found[row], expected[name], rtol=1e-3, atol=1e-5)


def test_nothing_stays_hooked() -> None:
    net = tiny_net()
    record_gates(net, pictures(1))
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_receptive_fields_follow_the_streams() -> None:
    one = pictures(1)
    assert record_gates(tiny_net(streams=2), one).receptive_fields.tolist() == [3, 5]
    same = tiny_net(same_depth=True, streams=3)
    assert record_gates(same, one).receptive_fields.tolist() == [7, 7, 7]
    ain = record_gates(osnet_ain_x0_25().eval(), one)
    assert ain.blocks == BLOCKS
    assert ain.receptive_fields.tolist() == [3, 5, 7, 9]
    standard = tiny_net(lite=False, streams=2)
    assert record_gates(standard, one).receptive_fields.tolist() == [3, 5]


@pytest.mark.parametrize("aggregation", ["separate", "fixed", "add", "concat"])
def test_other_aggregations_are_one_clear_line(aggregation: str) -> None:
    with pytest.raises(InputError, match=r"conv2\.0 merges .* expected the unified") as raised:
        record_gates(tiny_net(aggregation=aggregation), pictures(1))
    assert "\n" not in str(raised.value)


def test_no_image() -> None:
    with pytest.raises(InputError, match="no image"):
        record_gates(tiny_net(), [])


def made_record(groups: int = 3, each: int = 6, seed: int = 0) -> GateRecord:
    """Groups of images: group g opens the stream g wider, by the same amount in every block."""
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), each)
    blocks = []
    for channels in (4, 4, 6, 6):
        gates = generator.uniform(0.45, 0.5, (groups * each, 4, channels)).astype(np.float32)
        gates[np.arange(len(gates)), group] += 0.3
        blocks.append(gates)
    fields = np.array([3, 5, 7, 9], np.int64)
    return GateRecord(("conv3.0", "conv3.1", "conv4.0", "conv4.1"), fields, tuple(blocks))


def test_profiles() -> None:
    record = made_record()
    profiles = record.profiles()
    assert profiles.shape == (18, 4, 4)
    assert profiles[5, 2, 1] == pytest.approx(record.activations[2][5, 1].mean())
    relative = record.relative_profiles()
    np.testing.assert_allclose(relative.mean(axis=0), 0, atol=1e-6)
    assert relative[:, -2:].mean(axis=1).argmax(axis=1).tolist() == np.repeat([0, 1, 2], 6).tolist()


def test_mean_field_and_coarseness_of_one_image() -> None:
    record = made_record()
    weights = record.profiles()[7, 1]
    expected = sum(w * f for w, f in zip(weights, (3, 5, 7, 9), strict=True)) / weights.sum()
    assert record.mean_fields()[7, 1] == pytest.approx(expected, rel=1e-5)
    columns = [record.mean_fields()[:, block] for block in (2, 3)]
    expected = np.mean([(c[7] - c.mean()) / c.std() for c in columns])
    assert record.coarseness(2)[7] == pytest.approx(expected, rel=1e-3)
    fine, middle, coarse = record.coarseness().reshape(3, 6)
    assert fine.max() < middle.min()
    assert middle.max() < coarse.min()


def test_deviations_of_what_never_changes_are_zero() -> None:
    values = np.array([[0.5, 1], [0.5, 3]], np.float32)
    np.testing.assert_allclose(in_deviations(values), [[0, -1], [0, 1]], atol=1e-6)


class TestClusters:
    def test_groups_are_found_and_ordered_from_fine_to_coarse(self) -> None:
        clusters = cluster_gates(made_record(), 3)
        assert clusters.labels.tolist() == np.repeat([0, 1, 2], 6).tolist()
        assert clusters.count == 3

    def test_distances_and_typical_images(self) -> None:
        record = made_record()
        clusters = cluster_gates(record, 3)
        vectors = record.vectors()
        for cluster in range(3):
            members = np.nonzero(clusters.labels == cluster)[0]
            centre = vectors[members].mean(axis=0)
            distances = {int(row): np.linalg.norm(vectors[row] - centre) for row in members}
            for row, distance in distances.items():
                assert clusters.distances[row] == pytest.approx(distance, rel=1e-4)
            nearest = sorted(distances, key=lambda row: distances[row])
            assert clusters.typical(cluster, 4).tolist() == nearest[:4]
            assert sorted(clusters.typical(cluster, 99)) == sorted(members)

    def test_the_same_seed_gives_the_same_clusters(self) -> None:
        record = made_record(groups=4, each=5, seed=3)
        first, second = (cluster_gates(record, 6, seed=1) for _ in range(2))
        np.testing.assert_array_equal(first.labels, second.labels)

    def test_no_more_clusters_than_different_images(self) -> None:
        record = made_record(groups=1, each=2)
        assert cluster_gates(record, 5).count == 2
        same = GateRecord(
            record.blocks,
            record.receptive_fields,
            tuple(block[[0, 0, 0]] for block in record.activations),
        )
        assert cluster_gates(same, 5).labels.tolist() == [0, 0, 0]


def test_one_image_alone() -> None:
    record = record_gates(tiny_net(), pictures(1))
    assert record.coarseness().tolist() == [0]
    assert cluster_gates(record).labels.tolist() == [0]
