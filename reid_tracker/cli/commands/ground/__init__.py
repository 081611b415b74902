"""`reid-track ground`: where the ground is in a camera's picture."""

from reid_tracker.cli.commands.ground.run import add_arguments, run

__all__ = ["add_arguments", "run"]
