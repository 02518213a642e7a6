"""One JSON object per line on stdout, with no value of any feature in it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

LOGGER = "serving"
FIELDS = "fields"


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; keys given as `extra={"fields": {…}}` stand beside the message."""

    def __init__(self, *, pod: str) -> None:
        super().__init__()
        self._pod = {"pod": pod} if pod else {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **self._pod,
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str, *, pod: str) -> None:
    """Send this package's lines and the server's warnings to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(pod=pod))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(LOGGER).setLevel(level.upper())


def say(level: int, event: str, **fields: object) -> None:
    """Log `event` with its fields."""
    logging.getLogger(LOGGER).log(level, event, extra={FIELDS: fields})
