"""The training loop: epochs and steps, state and checkpoints, distributed training, results."""
