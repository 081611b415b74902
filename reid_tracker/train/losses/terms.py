"""The losses: identity classification, batch-hard triplet, and distillation from teachers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch reader knows


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, epsilon: float = 0.1) -> Tensor:
    """Cross-entropy against (1 - epsilon) * one-hot + epsilon / K, averaged over the batch.

    Args:
        logits: (B, K).
        labels: (B,) int64 class numbers.
        epsilon: label smoothing; 0 is plain cross-entropy.
    """
    return F.cross_entropy(logits, labels, label_smoothing=epsilon)


def am_softmax(
    cosines: Tensor, labels: Tensor, *, scale: float, margin: float, epsilon: float = 0.0
) -> Tensor:
    """Additive-margin softmax (Wang et al., 2018), averaged over the batch.

    Args:
        cosines: (B, K) to the direction of each class.
        labels: (B,) int64 class numbers.
        scale: factor of the cosines.
        margin: subtracted from the cosine of the true class.
        epsilon: label smoothing.
    """
    margins = torch.zeros_like(cosines).scatter_(1, labels[:, None], margin)
    return smoothed_cross_entropy(scale * (cosines - margins), labels, epsilon)


def batch_hard_triplet(embeddings: Tensor, labels: Tensor, margin: float = 0.3) -> Tensor:
    """Batch-hard triplet loss: max(0, margin + farthest same - nearest other), averaged.

    Distances are Euclidean, between rows scaled to length 1. Rows without another of their
    identity, or without one of another identity, are left out.

    Args:
        embeddings: (B, D), of any length.
        labels: (B,) identities.
        margin: minimum difference of the two distances.
    """
    rows = F.normalize(embeddings.float())
    # The floor keeps the square root's gradient finite if two rows are equal.
    distances = (2 - 2 * rows @ rows.T).clamp_min(1e-8).sqrt()
    same = labels[:, None] == labels[None]
    partner = same & ~torch.eye(len(labels), dtype=torch.bool, device=same.device)
    farthest = distances.masked_fill(~partner, -torch.inf).amax(1)
    nearest = distances.masked_fill(same, torch.inf).amin(1)
    usable = partner.any(1) & ~same.all(1)
    # A branch on the data would synchronise with the GPU.
    losses = F.relu(margin + torch.where(usable, farthest - nearest, -torch.inf))
    return losses.sum() / usable.sum().clamp_min(1)


def distil_cosine(embeddings: Tensor, targets: Tensor) -> Tensor:
    """1 - cosine between each embedding and its teacher's, averaged over the batch.

    Args:
        embeddings: (B, D) of the student, of any length.
        targets: (B, D) of the teacher, of any length.
    """
    return (1 - F.cosine_similarity(embeddings.float(), targets.float())).mean()


def distil_relation(embeddings: Tensor, targets: Tensor) -> Tensor:
    """Mean squared difference between the cosines within the batch, student against teacher.

    Only pairs of different rows count. Student and teacher may have embeddings of different length.

    Args:
        embeddings: (B, D) of the student.
        targets: (B, E) of the teacher.
    """
    student, teacher = F.normalize(embeddings.float()), F.normalize(targets.float())
    errors = (student @ student.T - teacher @ teacher.T).square()
    count = len(errors)
    return (errors.sum() - errors.diagonal().sum()) / max(1, count * (count - 1))
