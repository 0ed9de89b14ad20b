"""Logs of the services: one line an event on stderr, with the session and the command as fields at its end."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

FIELDS: Final = ("session", "command")


class FieldsFormatter(logging.Formatter):
    """`<UTC time> <LEVEL> <role> <message>` and then `session=…`, `command=…` where a record has them."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = "".join(f" {name}={value}" for name in FIELDS if (value := getattr(record, name, None)))
        line = f"{moment.replace('+00:00', 'Z')} {record.levelname} {self._role} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class SessionLog(logging.LoggerAdapter[logging.Logger]):
    """A logger that puts the session, and the command where there is one, on every record."""

    def __init__(self, logger: logging.Logger, session: str, command: str | None = None) -> None:
        super().__init__(logger, {"session": session, "command": command})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": self.extra}


def configure(role: str, level: int = logging.INFO) -> None:
    """Sends the logs of this process to stderr. Called once, where a process starts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldsFormatter(role))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("rq").setLevel(logging.WARNING)  # its own lines repeat ours
