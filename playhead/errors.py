"""Every error that Playhead raises on purpose.

PlayheadError
├── InvalidInput            a name, time, interval, file or setting that cannot be accepted
│   └── SourceError         a data source that cannot be read as asked
│       ├── UnknownSymbolInSource
│       └── BadRow          one row of one file, with its line and the reason
├── RedisUnavailable        the server did not answer in time
│   └── RedisRefused        it answered that it cannot: no memory, a full disk, a wrong password
├── SessionNotFound
├── SessionExists
├── SessionFailed           the session itself ended in an error
├── UnknownSymbol           a read of a symbol that the reader does not have
├── CommandRejected         the coordinator refused a command, with its reason
├── CommandTimeout          nobody answered a command
├── ConsumerNameTaken       another living process follows under this name
├── ConsumerFellBehind      entries that the consumer still needed are gone
├── HistoryLost             the server forgot writes, or the session is another one of the same name
├── Malformed               an entry or a payload that does not follow the protocol
└── Fenced                  a service acted under a lease that has gone to another
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playhead.commands import Reply


class PlayheadError(Exception):
    """The base of all errors of this package. Its text says what was wrong and what to do."""


class InvalidInput(PlayheadError, ValueError):
    """Something a person or a program typed cannot be accepted."""


class SourceError(InvalidInput):
    """A data source cannot be opened, or cannot be read as asked."""


class UnknownSymbolInSource(SourceError):
    """The data source has nothing at all under this symbol."""


class BadRow(SourceError):
    """A row of a data file cannot be a bar."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}, line {line}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class RedisUnavailable(PlayheadError):
    """Redis did not answer within the time limit of the connection."""


class RedisRefused(RedisUnavailable):
    """Redis answered that it cannot do what was asked, for a reason of its own that somebody must
    mend: no memory, a full disk, a wrong password. Nothing was done."""


class SessionNotFound(PlayheadError):
    """There is no session of this name on this server."""


class SessionExists(PlayheadError):
    """A session of this name is there already."""


class SessionFailed(PlayheadError):
    """The session cannot go on; its text is the reason that the services recorded."""


class UnknownSymbol(PlayheadError, KeyError):
    """The reader's session does not have this symbol at the reader's position."""

    def __str__(self) -> str:  # KeyError would print the text in quotes
        return str(self.args[0])


class CommandRejected(PlayheadError):
    """The coordinator refused a command; nothing was changed. `reply` is its whole answer."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.reply = reply


class CommandTimeout(PlayheadError):
    """No reply came within the time limit; the command may still be carried out."""


class ConsumerNameTaken(PlayheadError):
    """Another living process follows the session under the same consumer name."""


class ConsumerFellBehind(PlayheadError):
    """Notifications that this consumer had not read yet are no longer kept."""


class HistoryLost(PlayheadError):
    """The server has less than the consumer had already seen: it lost writes, or the session is a new one.

    `kept` is the last notification that is the same as before, `None` for a new session.
    """

    def __init__(self, message: str, kept: str | None = None) -> None:
        super().__init__(message)
        self.kept = kept


class Malformed(PlayheadError):
    """An entry or payload in Redis does not follow the wire protocol."""


class Fenced(PlayheadError):
    """The lease under which this service acted has gone to another process."""


def sendable(text: str) -> str:
    """A text that can be sent: what UTF-8 cannot say (odd bytes of a file or its name) is written out."""
    return text.encode("utf-8", "backslashreplace").decode()
