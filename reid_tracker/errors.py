"""The exception tree: every error that a user can cause has a class here and one clear line.

A message carries the offending value, what was expected and the next step. The command line prints
it without a traceback and exits 2 for a usage error (`ConfigError`) or 1 for all others.
"""


class ReidTrackerError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(ReidTrackerError):
    """A configuration key, value, file or command-line argument is wrong."""


class SourceError(ReidTrackerError):
    """A video, image folder, camera or stream cannot be opened or read."""


class WeightsError(ReidTrackerError):
    """A model file is missing, damaged, or does not fit the network it is loaded into."""


class InputError(ReidTrackerError, ValueError):
    """An array passed to the library has the wrong shape, type or values."""


class OutputError(ReidTrackerError):
    """A result cannot be written, or would overwrite an earlier one."""


class MissingDependencyError(ReidTrackerError, ImportError):
    """An optional package is needed for what was asked; the message names the extra to install."""


class StoreError(ReidTrackerError):
    """A gallery store cannot be opened, read or written, and trying again will not help."""


class StoreUnavailableError(StoreError):
    """A gallery store is away for now: its database is down, or the disk is full.

    The same call may succeed later, so that a caller can keep what it has and catch up.
    """


class ModelMismatchError(StoreError):
    """An embedding comes from another model than those in the gallery; they cannot be compared."""


class MessageError(ReidTrackerError, ValueError):
    """A message between machines cannot be read, or does not fit what messages may hold."""


class MessageVersionError(MessageError):
    """A message is of another version of this package than this one reads."""


class TransportError(ReidTrackerError):
    """A message broker or the disk buffer before it refuses what was asked."""


class TransportUnavailableError(TransportError):
    """A message broker does not answer for now; the same call may succeed later."""


class SpoolError(TransportError):
    """The disk buffer of messages cannot be opened, read or written."""
