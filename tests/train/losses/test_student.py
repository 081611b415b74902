from __future__ import annotations

import torch

from reid_tracker.osnet import osnet_x0_25
from reid_tracker.train.losses.student import NormedClassifier, Student


def test_a_student_gives_what_the_losses_need() -> None:
    student = Student(osnet_x0_25(3, return_embeddings=True), 5, (4, 7))
    found = student(torch.randn(6, 3, 32, 16))
    assert found.embeddings.shape == (6, 512)
    assert found.logits.shape == (6, 3)
    assert found.cosines.shape == (6, 5)
    assert [tuple(part.shape) for part in found.projections] == [(6, 4), (6, 7)]
    plain = Student(osnet_x0_25(), 0, ())(torch.randn(6, 3, 32, 16))
    assert (plain.logits, plain.cosines, plain.projections) == (None, None, ())


def test_extras_are_all_but_the_net() -> None:
    student = Student(osnet_x0_25(), 5, (4,))
    names = set(student.extras())
    assert {"heads.0.weight", "heads.0.bias", "normed.weight", "normed.norm.weight"} <= names
    assert not any(name.startswith("net.") for name in names)
    net = {f"net.{name}" for name in student.net.state_dict()}
    assert names | net == set(student.state_dict())


def test_normed_classifier_sees_directions_only() -> None:
    torch.manual_seed(0)
    classifier = NormedClassifier(4).eval()
    rows = torch.randn(5, 512)
    cosines = classifier(rows)
    assert cosines.abs().max() <= 1
    assert torch.allclose(classifier(3 * rows), cosines, atol=1e-5)


def test_frozen_base_keeps_weights_and_batch_statistics() -> None:
    net = osnet_x0_25(4, return_embeddings=True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimiser = torch.optim.Adam(net.parameters(), lr=0.1, amsgrad=True, weight_decay=5e-4)
    student = Student(net, 0, ())
    student.train().train_only_classifiers()
    logits = student(torch.randn(6, 3, 32, 16)).logits
    optimiser.zero_grad()
    logits.square().sum().backward()
    optimiser.step()
    changed = {name for name, value in net.state_dict().items() if not value.equal(before[name])}
    assert changed == {"classifier.weight", "classifier.bias"}


def test_thawed_base_trains() -> None:
    student = Student(osnet_x0_25(4), 4, (5,))
    student.train_only_classifiers()
    student.train().requires_grad_(True)
    assert all(module.training for module in student.modules())
    assert all(parameter.requires_grad for parameter in student.parameters())
