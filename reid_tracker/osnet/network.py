"""OSNet, OSNet-IBN and OSNet-AIN: omni-scale blocks and the 512-d embedding head.

The architecture at full width: channels x height x width after each stage, for an image of 256x128.

    conv1  7x7 stride 2, max pool 3x3 stride 2    64 x 64 x 32
    conv2  2 blocks, then transition             256 x 32 x 16
    conv3  2 blocks, then transition             384 x 16 x 8
    conv4  2 blocks                              512 x 16 x 8
    conv5  1x1                                   512 x 16 x 8
    gap, fc                                      512

A transition is a 1x1 convolution followed by 2x2 average pooling.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from reid_tracker.osnet.blocks import (
    PUBLISHED,
    AINBlock,
    BlockOptions,
    ConvNorm,
    InstanceNormPlace,
    Norm,
    OSBlock,
)

EMBEDDING_DIM = 512
"""Size of the embedding, equal for all widths."""

Channels = tuple[int, int, int, int]
"""Output channels of conv1, conv2, conv3 and conv4."""


class EmbeddingNet(nn.Module):
    """Common part of all variants: embedding head, classifier and `forward`.

    Attributes:
        input_size: (height, width) of the images that the weights were trained with, pixels.
    """

    classifier: nn.Linear | None
    input_size: tuple[int, int] = (256, 128)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the conv5 feature map, (B, C4, H/16, W/16), of (B, 3, H, W) images."""
        raise NotImplementedError

    def embed(self, images: Tensor) -> Tensor:
        """Return embeddings, (B, 512), of (B, 3, H, W) float32 normalised RGB images.

        They follow a ReLU, so they are not negative; they are not normalised to length 1.
        """
        pooled = self.global_avgpool(self.feature_map(images))
        return cast(Tensor, self.fc(pooled.flatten(1)))

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return embeddings in eval mode, and the input of the losses in train mode.

        Args:
            images: (B, 3, H, W) float32 RGB, normalised with ImageNet mean and deviation.

        Returns:
            In eval mode or without a classifier: (B, 512) embeddings. In train mode: logits,
            (B, num_classes), or with `return_embeddings` a pair of logits and embeddings.
        """
        embeddings = self.embed(images)
        if self.classifier is None or not self.training:
            return embeddings
        logits = cast(Tensor, self.classifier(embeddings))
        return (logits, embeddings) if self.return_embeddings else logits

    def _add_head(self, channels: int, num_classes: int, return_embeddings: bool) -> None:
        self.return_embeddings = return_embeddings
        self.global_avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, EMBEDDING_DIM), nn.BatchNorm1d(EMBEDDING_DIM), nn.ReLU(inplace=True)
        )
        self.classifier = nn.Linear(EMBEDDING_DIM, num_classes) if num_classes else None


class OSNet(EmbeddingNet):
    """OSNet, and OSNet-IBN with `instance_norm`.

    Args:
        channels: output channels of conv1 to conv4.
        num_classes: number of training identities; 0 means no classifier.
        instance_norm: OSNet-IBN: instance norm in conv1, and after each block of conv2.
        options: options of every block.
        return_embeddings: return (logits, embeddings) in train mode instead of logits.
    """

    def __init__(
        self,
        channels: Channels,
        num_classes: int = 0,
        *,
        instance_norm: bool = False,
        options: BlockOptions = PUBLISHED,
        return_embeddings: bool = False,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4 = channels
        self.conv1 = _stem(c1, instance_norm=instance_norm)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        place: InstanceNormPlace = "after" if instance_norm else "none"
        self.conv2 = nn.Sequential(
            OSBlock(c1, c2, options, instance_norm=place),
            OSBlock(c2, c2, options, instance_norm=place),
            _transition(c2),
        )
        self.conv3 = nn.Sequential(
            OSBlock(c2, c3, options), OSBlock(c3, c3, options), _transition(c3)
        )
        self.conv4 = nn.Sequential(OSBlock(c3, c4, options), OSBlock(c4, c4, options))
        self.conv5 = ConvNorm(c4, c4)
        self._add_head(c4, num_classes, return_embeddings)
        initialise(self)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the conv5 feature map, (B, C4, H/16, W/16), of (B, 3, H, W) images."""
        x = self.maxpool(self.conv1(images))
        return cast(Tensor, self.conv5(self.conv4(self.conv3(self.conv2(x)))))


class OSNetAIN(EmbeddingNet):
    """OSNet-AIN: instance norm in the places found by its authors' architecture search.

    Args:
        channels: output channels of conv1 to conv4.
        num_classes: number of training identities; 0 means no classifier.
        options: options of every block.
        return_embeddings: return (logits, embeddings) in train mode instead of logits.
    """

    def __init__(
        self,
        channels: Channels,
        num_classes: int = 0,
        *,
        options: BlockOptions = PUBLISHED,
        return_embeddings: bool = False,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4 = channels
        self.conv1 = _stem(c1, instance_norm=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = nn.Sequential(
            AINBlock(c1, c2, options, instance_norm="inside"),
            AINBlock(c2, c2, options, instance_norm="inside"),
        )
        self.pool2 = _transition(c2)
        self.conv3 = nn.Sequential(
            AINBlock(c2, c3, options), AINBlock(c3, c3, options, instance_norm="inside")
        )
        self.pool3 = _transition(c3)
        self.conv4 = nn.Sequential(
            AINBlock(c3, c4, options, instance_norm="inside"), AINBlock(c4, c4, options)
        )
        self.conv5 = ConvNorm(c4, c4)
        self._add_head(c4, num_classes, return_embeddings)
        initialise(self)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the conv5 feature map, (B, C4, H/16, W/16), of (B, 3, H, W) images."""
        x = self.maxpool(self.conv1(images))
        x = self.pool2(self.conv2(x))
        x = self.pool3(self.conv3(x))
        return cast(Tensor, self.conv5(self.conv4(x)))


def initialise(net: nn.Module) -> None:
    """Initialise the weights from PyTorch's default generator; seed it to reproduce a net.

    Convolutions: Kaiming normal over the fan out; linear layers: N(0, 0.01); biases: 0. Norm layers
    keep weight 1 and bias 0.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _stem(channels: int, *, instance_norm: bool) -> ConvNorm:
    norm: Norm = "instance" if instance_norm else "batch"
    return ConvNorm(3, channels, 7, stride=2, norm=norm)


def _transition(channels: int) -> nn.Sequential:
    return nn.Sequential(ConvNorm(channels, channels), nn.AvgPool2d(2, stride=2))
