"""`reid-track search`: where a person has been."""

from reid_tracker.cli.commands.search.run import add_arguments, run

__all__ = ["add_arguments", "run"]
