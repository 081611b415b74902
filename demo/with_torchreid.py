"""torchreid's extractor with the import changed: python demo/with_torchreid.py PICTURE PICTURE ...

Prints how similar each picture is to the first.
"""

import sys

from torch.nn.functional import cosine_similarity

from reid_tracker.plugins.torchreid import FeatureExtractor  # from torchreid.utils import ...
from reid_tracker.resources import shipped

extractor = FeatureExtractor(
    model_name="osnet_x0_25",
    model_path=str(shipped("weights", "osnet_x0_25_cuhk03.pth")),
    device="cpu",
)
features = extractor(sys.argv[1:])
for path, likeness in zip(sys.argv[1:], cosine_similarity(features, features[:1]), strict=True):
    print(f"{likeness:.3f}  {path}")
