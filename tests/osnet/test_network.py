from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from reid_tracker.osnet import OSNETS, EmbeddingNet, OSNetAIN, osnet_ain_x0_25, osnet_x0_25
from reid_tracker.osnet.blocks import AINBlock, OSBlock

SMALL = ("osnet_x0_25", "osnet_ibn_x1_0", "osnet_ain_x0_25")


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 128, 64)


@pytest.mark.parametrize("name", SMALL)
def test_eval_mode_returns_non_negative_embeddings(name: str) -> None:
    net = OSNETS[name](num_classes=5).eval()
    with torch.no_grad():
        embeddings = net(images())
    assert embeddings.shape == (2, 512)
    assert embeddings.dtype == torch.float32
    assert (embeddings >= 0).all()
    assert 0.2 < (embeddings == 0).float().mean() < 0.8


@pytest.mark.parametrize("build", [osnet_x0_25, osnet_ain_x0_25])
def test_train_mode_returns_what_the_losses_need(build: Callable[..., EmbeddingNet]) -> None:
    logits = build(num_classes=5).train()(images())
    assert logits.shape == (2, 5)
    logits, embeddings = build(num_classes=5, return_embeddings=True).train()(images())
    assert logits.shape == (2, 5)
    assert embeddings.shape == (2, 512)
    assert build().train()(images()).shape == (2, 512)


def test_logits_are_those_of_the_returned_embeddings() -> None:
    net = osnet_x0_25(num_classes=5, return_embeddings=True).train()
    assert net.classifier is not None
    logits, embeddings = net(images())
    torch.testing.assert_close(net.classifier(embeddings), logits)


@pytest.mark.parametrize("name", SMALL)
def test_feature_map_leads_to_the_embedding(name: str) -> None:
    net = OSNETS[name]().eval()
    x = images()
    with torch.no_grad():
        features = net.feature_map(x)
        fc = net.get_submodule("fc")
        torch.testing.assert_close(fc(features.mean(dim=(2, 3))), net(x))
    assert features.shape == (2, net.state_dict()["fc.0.weight"].shape[1], 8, 4)


def test_feature_map_at_the_size_of_the_paper() -> None:
    with torch.no_grad():
        assert osnet_x0_25().eval().feature_map(torch.zeros(1, 3, 256, 128)).shape[2:] == (16, 8)


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    net = OSNETS[name](num_classes=5).train()
    logits: Tensor = net(images(4))
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.arange(4)))
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


def test_rows_of_a_batch_do_not_touch_each_other_in_eval_mode() -> None:
    net, x = osnet_ain_x0_25().eval(), images(3)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[1:2], net(x[1:2]), rtol=1e-4, atol=1e-5)


def test_an_empty_batch_gives_no_rows() -> None:
    assert osnet_x0_25().eval()(images(0)).shape == (0, 512)


def places(net: nn.Module) -> list[str]:
    return [block.instance_norm for block in net.modules() if isinstance(block, OSBlock)]


def test_instance_norm_stands_where_the_papers_put_it() -> None:
    with torch.device("meta"):
        plain, ibn, ain = (OSNETS[f"osnet{kind}_x1_0"]() for kind in ("", "_ibn", "_ain"))
    assert places(plain) == ["none"] * 6
    assert places(ibn) == ["after", "after", "none", "none", "none", "none"]
    assert places(ain) == ["inside", "inside", "none", "inside", "inside", "none"]
    stems = [type(net.get_submodule("conv1.bn")).__name__ for net in (plain, ibn, ain)]
    assert stems == ["BatchNorm2d", "InstanceNorm2d", "InstanceNorm2d"]
    assert isinstance(ain, OSNetAIN)
    assert all(isinstance(b, AINBlock) for b in ain.modules() if isinstance(b, OSBlock))


def test_instance_norm_in_the_stem_removes_contrast_and_brightness() -> None:
    stem = osnet_ain_x0_25().eval().conv1
    x = torch.randn(1, 3, 64, 32)
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))  # away from the zero padding
    torch.testing.assert_close(stem(3 * x)[inner], stem(x)[inner], rtol=1e-3, atol=1e-3)
