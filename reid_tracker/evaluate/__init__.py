"""Scores of re-identification, detection and tracking in one camera (`mot`) and over several.

Re-identification: CMC, mAP and mINP of embeddings (`evaluate_reid`) or of a distance table
(`score_ranking`), the classic CUHK03 protocol, and k-reciprocal re-ranking. Detection: matching
with ground truth, precision, recall and F1.
"""

from reid_tracker.evaluate.cuhk03 import single_shot_cmc
from reid_tracker.evaluate.detection import FrameBoxes, match_detections, precision_recall_f1
from reid_tracker.evaluate.distance import (
    METRICS,
    DistanceTable,
    EmbeddingDistances,
    Metric,
    pairwise_distances,
)
from reid_tracker.evaluate.labels import DISTRACTOR, JUNK, Labels, Samples
from reid_tracker.evaluate.ranking import ReidScores, score_ranking
from reid_tracker.evaluate.reid import PROTOCOLS, ReidProtocol, evaluate_reid
from reid_tracker.evaluate.rerank import RerankedDistances, Reranking

__all__ = [
    "DISTRACTOR",
    "JUNK",
    "METRICS",
    "PROTOCOLS",
    "DistanceTable",
    "EmbeddingDistances",
    "FrameBoxes",
    "Labels",
    "Metric",
    "ReidProtocol",
    "ReidScores",
    "RerankedDistances",
    "Reranking",
    "Samples",
    "evaluate_reid",
    "match_detections",
    "pairwise_distances",
    "precision_recall_f1",
    "score_ranking",
    "single_shot_cmc",
]
