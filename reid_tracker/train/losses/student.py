"""The net with the modules that only training needs: heads and a normed classifier."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch reader knows

from reid_tracker.osnet import EMBEDDING_DIM, EmbeddingNet


@dataclass(frozen=True, eq=False)
class Outputs:
    """Network outputs that the losses need.

    Attributes:
        embeddings: (B, 512) of all images.
        logits: (B, K) of the net's classifier, or None.
        cosines: (B, K) to the identities of the normed classifier, or None.
        projections: (B, E) for each teacher, to compare with its embeddings.
    """

    embeddings: Tensor
    logits: Tensor | None = None
    cosines: Tensor | None = None
    projections: tuple[Tensor, ...] = ()


class Student(nn.Module):
    """A net in training.

    Args:
        net: with or without a classifier.
        identities: classes of the normed classifier; 0 leaves it out.
        widths: length of each teacher's embeddings.

    Attributes:
        net: the net; only this part is kept after training.
    """

    def __init__(
        self, net: EmbeddingNet, identities: int = 0, widths: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.net = net
        self.normed = NormedClassifier(identities) if identities else None
        self.heads = nn.ModuleList(nn.Linear(EMBEDDING_DIM, width) for width in widths)

    def forward(self, images: Tensor) -> Outputs:
        """Return all outputs for (B, 3, H, W) images."""
        found = self.net(images)
        logits, embeddings = found if isinstance(found, tuple) else (None, found)
        cosines = None if self.normed is None else self.normed(embeddings)
        projections = tuple(head(embeddings) for head in self.heads)
        return Outputs(embeddings, logits, cosines, projections)

    def train_only_classifiers(self) -> None:
        """Let only the classifiers and heads train, in the first step of a two-step warm-up.

        The base gets no gradient and is in eval mode, so that its batch statistics stay fixed.
        """
        for name, child in self.net.named_children():
            if name != "classifier":
                child.eval()
                child.requires_grad_(False)

    def extras(self) -> dict[str, Tensor]:
        """Return the state of all modules except the net."""
        state = self.state_dict()
        return {name: value for name, value in state.items() if not name.startswith("net.")}


class NormedClassifier(nn.Module):
    """Cosines between batch-normalised embeddings and a direction for each identity.

    The batch norm separates the classifier's effect on the length of embeddings from the losses
    that compare embeddings with each other (Luo et al., "Bag of tricks", 2019).

    Args:
        identities: K.
    """

    def __init__(self, identities: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(EMBEDDING_DIM)
        self.weight = nn.Parameter(torch.empty(identities, EMBEDDING_DIM).normal_())

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return (B, K) cosines of (B, 512) embeddings."""
        return F.linear(F.normalize(self.norm(embeddings)), F.normalize(self.weight))
