"""The with-statement of everything that has to be closed: outputs, sources, stores, servers."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING

from reid_tracker.errors import ReidTrackerError

if TYPE_CHECKING:
    from typing import Self

logger = logging.getLogger(__name__)


class Closing(ABC):
    """Closes itself at the end of a with-statement.

    If the block ends with an error and closing fails, too, the first error is raised, since it
    ended the run, and the second is logged.
    """

    @abstractmethod
    def close(self) -> None:
        """Finish, and release all resources."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except ReidTrackerError as lost:
            if error is None:
                raise
            logger.error("%s", lost)
