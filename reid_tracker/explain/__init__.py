"""Pictures that explain an encoder: attention, scales, search results and training.

from reid_tracker.explain import activation_sheet, load_osnet

net = load_osnet("osnet_x0_25_msmt17.pth")
activation_sheet(net, crops).save("activation.png")  # crops: (H, W, 3) uint8 BGR images

Every function that draws returns a `Sheet`: `save` writes a PNG file, `pixels` returns an array.
Drawing needs matplotlib and the map scikit-learn: pip install 'reid-tracker[explain]'.
"""

from reid_tracker.explain.activation import activation_maps, activation_sheet
from reid_tracker.explain.curves import TrainingCurve, curve_sheet, read_curve
from reid_tracker.explain.embedding_map import embedding_map, map_sheet
from reid_tracker.explain.gate_sheets import gate_cluster_sheet, gate_profile_sheet
from reid_tracker.explain.gates import GateClusters, GateRecord, cluster_gates, record_gates
from reid_tracker.explain.nets import load_osnet
from reid_tracker.explain.ranked import RankedList, Ranking, rank_queries, ranked_sheet
from reid_tracker.explain.sheet import Sheet

__all__ = [
    "GateClusters",
    "GateRecord",
    "RankedList",
    "Ranking",
    "Sheet",
    "TrainingCurve",
    "activation_maps",
    "activation_sheet",
    "cluster_gates",
    "curve_sheet",
    "embedding_map",
    "gate_cluster_sheet",
    "gate_profile_sheet",
    "load_osnet",
    "map_sheet",
    "rank_queries",
    "ranked_sheet",
    "read_curve",
    "record_gates",
]
