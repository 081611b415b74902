"""The exceptions: every error that a user can cause has a class here and a one-line message.

A message names the wrong value, what was expected and the next step. The command line prints it
without a traceback and exits with 2 for a usage error (`ConfigError`) and 1 for all others.
"""


class ReidTrackerError(Exception):
    """Base class of all errors that this package raises on purpose."""


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
    """An optional package is missing; the message names the extra to install."""


class StoreError(ReidTrackerError):
    """A gallery store cannot be opened, read or written; retrying does not help."""


class StoreUnavailableError(StoreError):
    """A gallery store is temporarily unavailable: the database is down or the disk is full.

    The same call may succeed later, so a caller can keep its data and retry.
    """


class ModelMismatchError(StoreError):
    """An embedding comes from another model than the gallery's; they cannot be compared."""


class MessageError(ReidTrackerError, ValueError):
    """A message between machines is malformed."""


class MessageVersionError(MessageError):
    """A message has a format version that this package cannot read."""


class TransportError(ReidTrackerError):
    """A message broker or its disk buffer rejects a request."""


class TransportUnavailableError(TransportError):
    """A message broker does not answer; the same call may succeed later."""


class SpoolError(TransportError):
    """The disk buffer for messages cannot be opened, read or written."""
