"""`reid-track eval-mot`: how right the tracks of one camera are."""

from reid_tracker.cli.commands.eval_mot.run import add_arguments, run

__all__ = ["add_arguments", "run"]
