"""How a run goes on: steps and epochs, state and checkpoints, several processes, results."""
