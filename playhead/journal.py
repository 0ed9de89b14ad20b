"""The journal of a session as lines of JSON: what it was started with, what was done when, how it ended.

A session can be repeated from it (`playhead/repetition.py`). The first line has the version of the format and the
configuration, the last one the status, the clock, the run hash, and the digests of the bars that were replayed, by
trading day and symbol. Each line between them is something that was done, and the run hash after it: so it can be said
where two runs part.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import redis

from playhead import config as configs
from playhead.config import SessionConfig
from playhead.connection import text
from playhead.errors import InvalidInput, Malformed, PlayheadError, SessionNotFound
from playhead.keys import Keys
from playhead.plain import load, load_object
from playhead.times import MAX_TIME_MS, full_text

FORMAT: Final = 1
DIGESTS_S: Final = 10.0
"""How long the digests of a session that has ended are waited for: its coordinator computes them a little at a time."""
_ENDED: Final = ("finished", "stopped", "failed")
_OWN: Final = ("type", "clock", "clock_ms", "run_hash", "id", "status", "results")  # no fields of the command
_DIGESTS_DONE: Final = b"clock_ms"  # as digest.CLOCK_FIELD, which would load numpy for one word
_LOOK_S: Final = 0.05
T = TypeVar("T")

Digests = Mapping[str, Mapping[str, str]]
"""Trading day (`<calendar>:<date>:<interval>`) -> symbol -> digest of its bars."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done when the clock read `clock_ms`, with the run hash after it.

    `fields` are those of the command, or of what happened by itself (`day-opened`, `session-finished`). `results` has
    what became of each symbol of an addition or a removal.
    """

    clock_ms: int
    run_hash: str
    fields: Mapping[str, str]
    id: str | None = None
    status: str | None = None
    results: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def op(self) -> str:
        return self.fields["op"]


@dataclass(frozen=True, slots=True)
class Journal:
    """A whole journal. `clock_ms` is `None` where the session had not begun; `version` is that of Playhead."""

    version: str
    session: str
    zone: str
    config: SessionConfig
    entries: tuple[Entry, ...]
    status: str
    clock_ms: int | None
    error: str | None
    run_hash: str
    digests: Digests
    complete: bool = True

    @property
    def ended(self) -> bool:
        return self.status in _ENDED


def read_journal(client: redis.Redis, keys: Keys, wait_s: float = DIGESTS_S) -> Journal:
    """The journal of a session as it is now; of one that has ended with all its digests, which it waits for.

    Where these do not come in time (nobody serves the session), `complete` is false. Raises `SessionNotFound`,
    `Malformed`.
    """
    deadline = time.monotonic() + wait_s
    while True:
        pipe = client.pipeline(transaction=True)
        pipe.hgetall(keys.state)
        pipe.xrange(keys.journal)
        pipe.hgetall(keys.digests)
        state, entries, digests = pipe.execute()
        if b"config" not in state:
            raise SessionNotFound(f"there is no session {keys.session}")
        complete = _DIGESTS_DONE in digests or text(state[b"status"]) not in _ENDED or b"clock_ms" not in state
        if complete or time.monotonic() > deadline:
            return _journal(keys.session, state, entries, digests, complete)
        time.sleep(_LOOK_S)


def lines(journal: Journal) -> Iterator[str]:
    """The journal as lines of JSON."""
    config = json.loads(configs.encode(journal.config))
    head = {"type": "journal", "format": FORMAT, "playhead": journal.version, "session": journal.session}
    yield _line(head | {"zone": journal.zone, "config": config})
    for entry in journal.entries:
        at = {"clock": full_text(entry.clock_ms, journal.zone), "clock_ms": entry.clock_ms}
        own = {"id": entry.id, "status": entry.status, "results": entry.results}
        given = {name: value for name, value in own.items() if value is not None}
        yield _line({"type": "entry", **at, **entry.fields, **given, "run_hash": entry.run_hash})
    clock = None if journal.clock_ms is None else full_text(journal.clock_ms, journal.zone)
    end = {"type": "end", "status": journal.status, "clock": clock, "clock_ms": journal.clock_ms}
    yield _line(end | {"error": journal.error, "run_hash": journal.run_hash, "digests": journal.digests})


def parse(text_lines: Iterable[str], name: str) -> Journal:
    """A journal from its lines. Raises `InvalidInput` naming file and line."""
    head_place = f"journal {name}, line 1"
    places: list[tuple[str, dict[str, Any]]] = []
    for number, line in enumerate(text_lines, 1):
        if line.strip():
            place = f"journal {name}, line {number}"
            places.append((place, _object(place, line)))
    if not places or places[0][1].get("type") != "journal":
        raise InvalidInput(f"journal {name} does not begin with the head that `playhead session journal` writes")
    if places[-1][1].get("type") != "end":
        raise InvalidInput(f"journal {name} has no end: a part of it is missing")
    (_, head), *between, (end_place, end) = places
    if head.get("format") != FORMAT:
        raise InvalidInput(f"journal {name} has format {head.get('format')!r}; this Playhead reads format {FORMAT}")
    config = _checked(head_place, lambda: configs.decode(json.dumps(head["config"]).encode()))
    entries = tuple(_checked(place, lambda given=given: _entry(given)) for place, given in between)  # type: ignore[misc]
    return _checked(end_place, lambda: _whole(head, config, entries, end))


def _checked(place: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (PlayheadError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = str(error) if isinstance(error, PlayheadError) else repr(error)
        raise InvalidInput(f"{place}: it is not as `playhead session journal` writes it: {reason}") from error


def _whole(
    head: Mapping[str, Any], config: SessionConfig, entries: tuple[Entry, ...], end: Mapping[str, Any]
) -> Journal:
    zone = str(head["zone"])
    full_text(0, zone)  # a zone that there is
    digests = {day: {symbol: str(of) for symbol, of in each.items()} for day, each in end["digests"].items()}
    if any(day.count(":") != 2 for day in digests):
        raise ValueError("a digest is not that of <calendar>:<date>:<interval>")
    return Journal(
        version=str(head["playhead"]),
        session=str(head["session"]),
        zone=zone,
        config=config,
        entries=entries,
        status=str(end["status"]),
        clock_ms=None if end["clock_ms"] is None else _time(end["clock_ms"]),
        error=end["error"],
        run_hash=str(end["run_hash"]),
        digests=digests,
    )


def _journal(
    name: str,
    state: Mapping[bytes, bytes],
    entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]],
    digests: Mapping[bytes, bytes],
    complete: bool,
) -> Journal:
    from playhead import __version__

    fields = {text(key): text(value) for key, value in state.items()}
    try:
        return Journal(
            version=__version__,
            session=name,
            zone=fields.get("zone", "UTC"),
            config=configs.decode(state[b"config"]),
            entries=tuple(_entry({text(key): text(value) for key, value in each.items()}) for _, each in entries),
            status=fields["status"],
            clock_ms=int(fields["clock_ms"]) if "clock_ms" in fields else None,
            error=fields.get("error") or None,
            run_hash=fields.get("run_hash", ""),
            digests={text(day): load_object(of) for day, of in sorted(digests.items()) if day != _DIGESTS_DONE},
            complete=complete,
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Malformed(f"the journal of session {name} is not as it should be: {error!r}") from error


def _entry(given: Mapping[str, Any]) -> Entry:
    if given.get("type", "entry") != "entry":
        raise ValueError(f"its type is {given['type']!r}")
    results, id, status = given.get("results"), given.get("id"), given.get("status")
    if isinstance(results, str):
        results = load(results)
    if results is not None and not all(isinstance(of, dict) for of in results.values()):
        raise ValueError("its results are not those of symbols")
    return Entry(
        clock_ms=_time(given["clock_ms"]),
        run_hash=str(given["run_hash"]),
        fields={"op": str(given["op"]), **{name: str(of) for name, of in given.items() if name not in _OWN}},
        id=None if id is None else str(id),
        status=None if status is None else str(status),
        results=results,
    )


def _time(given: Any) -> int:
    moment_ms = int(given)
    if not 0 <= moment_ms <= MAX_TIME_MS:
        raise ValueError(f"{moment_ms} is no market time")
    return moment_ms


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        return load_object(line)
    except ValueError as error:
        raise InvalidInput(f"{where}: it is no JSON: {error}") from error


def _line(given: Mapping[str, Any]) -> str:
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
