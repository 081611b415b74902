"""Frames, boxes and embeddings as tensors: what a GPU run does between decoding and tracking.

Everything here is plain torch, so the same code runs with device="cpu", where it is tested. The
stages' parts stand with the stages: `detect.tensors` and `encode.tensors`.
"""
