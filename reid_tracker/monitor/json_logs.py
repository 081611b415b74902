"""Log records as JSON, one per line, for collecting the logs of many hosts."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from typing import Any

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as JSON: time (UTC), level, logger, message, and the fields of `extra`.

    Args:
        clean: removes secrets, such as passwords, from a text.
        fields: added to every line, such as the name of the host.
    """

    def __init__(self, clean: Callable[[str], str] = str, **fields: str) -> None:
        super().__init__()
        self._clean = clean
        self._fields = fields

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        parts, whole = math.modf(record.created)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        line: dict[str, Any] = {
            "time": f"{stamp}.{int(1000 * parts):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._fields,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(self._cleaned(line), ensure_ascii=False)

    def _cleaned(self, value: Any) -> Any:
        """Clean all texts of a value; values that JSON cannot hold become text."""
        if isinstance(value, dict):
            return {str(key): self._cleaned(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._cleaned(item) for item in value]
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        return self._clean(str(value))
