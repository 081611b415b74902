"""Video files decoded into the memory of a device, by torchcodec."""

from reid_tracker.video.on_device.source import TorchcodecSource, open_on_device

__all__ = ["TorchcodecSource", "open_on_device"]
