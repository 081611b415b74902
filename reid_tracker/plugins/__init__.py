"""The encoder and the tracker inside other people's trackers and pipelines, one file a host.

A file is named after its host, and imports it only where the host demands its own classes. The
arrays that hosts pass (boxes, channels, crops) are translated here and nowhere else.
"""
