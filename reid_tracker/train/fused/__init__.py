"""Fused training kernels of OSNet for CPUs with AMX: the same net, two to three times as fast.

PyTorch trains OSNet slowly on a CPU: its Lite 3x3 layers compute little, but each of their
operators reads and writes all activations. `kernels.cpp` does a layer in one pass; `functions`
makes autograd functions of it; `modules` puts them into a net.
"""
