"""OSNet, the omni-scale network (arXiv 1905.00953): variants, cost and weights.

from reid_tracker.osnet import load_checkpoint, load_weights, osnet_x0_25

net = osnet_x0_25().eval()
load_weights(net, load_checkpoint("osnet_x0_25_msmt17.pth"))
embeddings = net(images)  # (B, 3, 256, 128) normalised RGB -> (B, 512)
"""

from reid_tracker.osnet.blocks import BlockOptions
from reid_tracker.osnet.checkpoint import (
    INPUT_SIZE_KEY,
    StateDict,
    infer_architecture,
    load_checkpoint,
    load_input_size,
    load_weights,
)
from reid_tracker.osnet.complexity import count_macs, count_parameters
from reid_tracker.osnet.fold import fold_batch_norm
from reid_tracker.osnet.gate import Aggregation
from reid_tracker.osnet.network import EMBEDDING_DIM, EmbeddingNet, OSNet, OSNetAIN
from reid_tracker.osnet.onnx_file import to_onnx
from reid_tracker.osnet.onnx_weights import load_onnx_weights, onnx_input_size
from reid_tracker.osnet.side_by_side import lay_side_by_side
from reid_tracker.osnet.variants import (
    OSNETS,
    NetOptions,
    osnet_ain_x0_5,
    osnet_ain_x0_25,
    osnet_ain_x0_75,
    osnet_ain_x1_0,
    osnet_ibn_x1_0,
    osnet_x0_5,
    osnet_x0_25,
    osnet_x0_75,
    osnet_x1_0,
)

__all__ = [
    "EMBEDDING_DIM",
    "INPUT_SIZE_KEY",
    "OSNETS",
    "Aggregation",
    "BlockOptions",
    "EmbeddingNet",
    "NetOptions",
    "OSNet",
    "OSNetAIN",
    "StateDict",
    "count_macs",
    "count_parameters",
    "fold_batch_norm",
    "infer_architecture",
    "lay_side_by_side",
    "load_checkpoint",
    "load_input_size",
    "load_onnx_weights",
    "load_weights",
    "onnx_input_size",
    "osnet_ain_x0_5",
    "osnet_ain_x0_25",
    "osnet_ain_x0_75",
    "osnet_ain_x1_0",
    "osnet_ibn_x1_0",
    "osnet_x0_5",
    "osnet_x0_25",
    "osnet_x0_75",
    "osnet_x1_0",
    "to_onnx",
]
