"""The files of one recording. Each is written under another name, brought to the disk, and then given its own: there is
never a half of one, and one that is written again replaces the one of its name.

Several processes may think that they are the recorder of a session: one that was suspended and wakes up late. So a file
is begun before it is asked whose the session is, and whoever takes a session over deletes what others have begun: the
late one finds its file gone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as parquet

from playhead.crash_points import Write
from playhead.entries import BEGINNING, order
from playhead.errors import Fenced, PlayheadError
from playhead.messages import Event
from playhead.recordings import EVENTS, FOOTER, added_name, part_name, parts
from recorder.part import Part

ROW_GROUP: Final = 100_000
_BEGUN: Final = ".tmp"
_WRITE_FILE: Final = Write("write-file")
_NAME_FILE: Final = Write("name-file")


class OtherRecording(PlayheadError):
    """The directory holds something else than the recording of this session."""


class Files:
    """The directory of one session. Every method raises `OSError` where it cannot be read or written."""

    def __init__(self, directory: Path, session: str, history: str, owner: str, owns: Callable[[], bool]) -> None:
        """Opens or makes it. `owner` tells this process from others, `owns` asks whether the session is still its.

        Raises `OtherRecording`.
        """
        self.directory = directory / session
        self._session = session
        self._history = history
        self._owner = owner
        self._owns = owns
        self.directory.mkdir(parents=True, exist_ok=True)
        for begun in self.directory.glob(f".*{_BEGUN}"):
            begun.unlink(missing_ok=True)
        footers = [self._footer(path) for path in parts(self.directory)]
        self._events: dict[str, list[dict[str, Any]]] = {each["first"]: each["events"] for each in footers}
        self.through = footers[-1]["last"] if footers else BEGINNING
        """The last notification that is in a file."""
        self.epoch = footers[-1].get("epoch", "") if footers else ""
        """The epoch of the session in which that was read."""
        self._write_events()

    def write(self, part: Part, epoch: str) -> None:
        """Writes a part as far as it is, read in an epoch. Raises `Fenced` where the session is another recorder's."""
        events = [said_of(event) for event in part.events]
        footer = {"session": self._session, "history": self._history, "first": part.first, "last": part.last}
        self._write_table(part_name(part.first), part.table(), footer | {"epoch": epoch, "events": events})
        self.through, self.epoch = part.last, epoch
        if events != self._events.get(part.first, []):
            self._events[part.first] = events
            self._write_events()

    def write_added(self, entry: str, table: pa.Table) -> None:
        """Writes what the symbols had that an event has added."""
        footer = {"session": self._session, "history": self._history, "first": entry, "last": entry, "events": []}
        self._write_table(added_name(entry), table, footer)

    def _footer(self, path: Path) -> Mapping[str, Any]:
        try:
            said = json.loads((parquet.read_metadata(path).metadata or {})[FOOTER])
        except (pa.ArrowInvalid, KeyError, ValueError) as error:
            raise OtherRecording(f"{path} is no file of a recording ({error}); move it away") from error
        if said.get("history") != self._history:
            raise OtherRecording(
                f"{self.directory} holds the recording of an earlier session {self._session}; move it away, "
                "or record into another directory"
            )
        footer: Mapping[str, Any] = said
        return footer

    def _write_table(self, name: str, table: pa.Table, footer: Mapping[str, Any]) -> None:
        described = table.replace_schema_metadata({FOOTER: json.dumps(footer, separators=(",", ":"))})

        def write(file: BinaryIO) -> None:
            parquet.write_table(described, file, row_group_size=ROW_GROUP, compression="zstd")

        self._replace(name, write)

    def _write_events(self) -> None:
        lines = (event for _, events in sorted(self._events.items(), key=_by_entry) for event in events)
        text = "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines)
        self._replace(EVENTS, lambda file: file.write(text.encode()))

    def _replace(self, name: str, write: Callable[[BinaryIO], Any]) -> None:
        begun = self.directory / f".{name}.{self._owner}{_BEGUN}"
        try:
            with begun.open("wb") as file:
                if not self._owns():
                    raise Fenced(f"session {self._session} has another recorder now")
                with _WRITE_FILE:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
            with _NAME_FILE:
                begun.replace(self.directory / name)
        except FileNotFoundError:
            if not self._owns():
                raise Fenced(f"session {self._session} has another recorder now") from None
            raise
        finally:
            begun.unlink(missing_ok=True)
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)  # the name too is on the disk
        finally:
            os.close(directory)


def said_of(event: Event) -> dict[str, Any]:
    """An event as a line of the file of events."""
    return {"type": event.type, **asdict(event)}


def _by_entry(item: tuple[str, Iterable[Any]]) -> tuple[int, int]:
    return order(item[0])
