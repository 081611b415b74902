"""Batches: sampled and augmented crops with the embeddings of their teachers."""
