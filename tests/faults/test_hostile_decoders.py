"""Every decoder, with input that somebody made to break it: it answers, or it raises the error that it documents."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from coordinator.lockstep import Lockstep
from coordinator.merge import FOREVER_MS, Feed, Merge
from coordinator.release import Release
from coordinator.roster import Roster
from playhead import commands, config, days, entries, journal, messages, names, script, speed, symbols, times, uris
from playhead.codec import bars_of, group_field, pack, pack_names, unpack
from playhead.config import ScriptedCommand, SessionConfig, SymbolConfig
from playhead.days import TradingDay, TradingDays
from playhead.digest import digest_of_runs, parse_field
from playhead.errors import InvalidInput, Malformed
from playhead.intervals import interval_ms
from playhead.symbols import SymbolRecord
from recorder.part import Part
from shared.request import AdditionRequest, Manifest, StagedSymbol, SymbolRequest
from shared.sources.registry import open_source
from tests.support.hostile import Fields, entry_ids, fields, json_like, mutated, raw, texts
from tests.support.tally import INPUTS, TEST_INPUTS, Tally

MINUTE_MS = 60_000
START_MS = 1_751_463_000_000
CLOSE_MS = START_MS + MINUTE_MS
DATE = date(2025, 7, 2)
BARS = pack(np.arange(15.0).reshape(3, 5)).tobytes()
NAMES = ("AAPL", "BRK.B", "RIVN")
FIELD = group_field("1m", START_MS).encode()
TICK = {b"type": b"tick", FIELD: pack_names(NAMES) + BARS, b"5m@1751462760000": b"AAPL\n" + BARS[:46]}
STRETCH = {b"type": b"ticks", b"1m@%d" % (CLOSE_MS - 3 * 60_000): pack_names(NAMES) + 3 * BARS}
MARK = {b"type": b"window-end", b"through_ms": b"1751500800000", b"final": b"0"}
EVENTS = (
    {b"type": b"symbol-added", b"symbols": b"AAPL,BRK.B", b"command": b"c1"},
    {b"type": b"symbol-removed", b"symbols": b"RIVN", b"command": b"c2"},
    {b"type": b"day-opened", b"calendar": b"XNYS", b"date": b"2025-07-02"},
    {b"type": b"consumer-dropped", b"consumer": b"slow"},
    {b"type": b"session-failed", b"error": b"no"},
)
COMMANDS = (
    {b"op": b"add-symbol", b"symbol": b"AAPL,MSFT", b"source": b"sample:", b"rejected": b'{"KO":"no"}'},
    {b"op": b"remove-symbol", b"symbol": b"AAPL", b"id": b"c1", b"at": b"12:06"},
    {b"op": b"step", b"ticks": b"3"},
    {b"op": b"run-until", b"time": b"2025-07-02 12:06"},
    {b"op": b"speed", b"speed": b"60"},
    {b"op": b"stop"},
)
REPLY = {b"id": b"c1", b"entry": b"1-1", b"status": b"ok", b"error": b"", b"result": b'{"AAPL":{"status":"added"}}'}
CONFIG = SessionConfig(
    (SymbolConfig("AAPL"), SymbolConfig("AZN.L", "csv:/data", "XLON")),
    DATE,
    DATE,
    derive=("5m", "1h"),
    history=2,
    speed=60.0,
    run_until="12:06",
    script=(ScriptedCommand("12:06", {"op": "pause"}, None, "line 1"),),
    lead=3,
    expect=("study",),
    record="/tmp/recording",  # noqa: S108 - nothing is written there
)
DAYS = TradingDays(
    "Asia/Hong_Kong",
    1,
    (
        TradingDay("2025-07-01", ((START_MS - 90_000_000, START_MS - 80_000_000),)),
        TradingDay("2025-07-02", ((START_MS, START_MS + 9_000_000), (START_MS + 12_600_000, START_MS + 21_600_000))),
    ),
)
RECORD = SymbolRecord("XNYS", "America/New_York", "sample:", "add-a-0", CLOSE_MS, START_MS, "1751463000000-1", {"a": 1})
REQUEST = AdditionRequest(((SymbolRequest("AAPL", "XNYS"), SymbolRequest("KO", "XNYS", "csv:/x")),), {"X": "no"})
STAGED = StagedSymbol(3, 1, 1, {"pre-market": 1}, 0, (("1m", "2025-07-02"),))
MANIFEST = Manifest({"AAPL": STAGED}, {"KO": "no bars"}, CLOSE_MS)
SCRIPT = b"12:06 add-symbol AAPL --source 'csv:/data/b ars'\n# a\n2025-07-02 13:00 speed 60\n14:00 stop"
JOURNAL: tuple[Any, ...] = (
    {
        "type": "journal",
        "format": 1,
        "playhead": "0.1.0",
        "session": "s",
        "zone": "UTC",
        "config": json.loads(config.encode(CONFIG)),
    },
    {"type": "entry", "clock_ms": START_MS, "op": "add-symbol", "symbol": "KO", "results": {"KO": {}}, "run_hash": "1"},
    {
        "type": "end",
        "status": "finished",
        "clock_ms": CLOSE_MS,
        "error": None,
        "run_hash": "2",
        "digests": {"XNYS:2025-07-02:1m": {"AAPL": "00"}},
    },
)


@dataclass(frozen=True)
class Decoder:
    """What decodes, what it is fed with, and what it may raise."""

    decode: Callable[[Any], object]
    inputs: SearchStrategy[Any]
    may_raise: tuple[type[Exception], ...] = (Malformed,)


def pushed(given: tuple[bytes, Fields]) -> object:
    """A feed takes an entry, and what is released of it is made ready."""
    entry, found = given
    feed = Feed("0-0", 0, 0)
    feed.push(entry, found)
    roster = Roster({name: SymbolRecord("XNYS", "America/New_York") for name in NAMES})
    merge = Merge()
    merge.feeds = {"main": feed}
    return Release.of(merge.peek(FOREVER_MS, 1 << 20), roster, "")


def recorded(given: tuple[bytes, Fields]) -> object:
    """A notification goes into a table."""
    message = messages.decode(*given)
    part = Part(message.entry)
    part.add(message)
    return part.table()


def read_journal(lines: list[bytes]) -> object:
    read = journal.parse([line.decode(errors="replace") for line in lines], "j")
    return list(journal.lines(read))


def lockstep(cursors: list[bytes]) -> object:
    lockstep = Lockstep(2, [START_MS, CLOSE_MS])
    for cursor in cursors:
        lockstep.acknowledge("a", cursor.decode(errors="replace"))
    return lockstep.room


def plain(decode: Callable[[str], object]) -> Callable[[bytes], object]:
    """A decoder of text that is given bytes as Redis would hand them out."""
    return lambda given: decode(given.decode(errors="surrogateescape"))


def of_json(*valid: str) -> SearchStrategy[bytes]:
    return json_like([json.loads(text) for text in valid])


TIMES = (b"12:06", b"2025-07-02 12:06", b"2025-07-02T16:06:00Z", b"9999-12-31 23:59", b"0001-01-01 00:00", b"02:30")
RUNS = {str(START_MS).encode(): BARS, str(START_MS + 4 * MINUTE_MS).encode(): BARS[:46]}
ENTRIES = st.tuples(entry_ids(), fields([TICK, STRETCH, MARK]))
NOTIFICATIONS = st.tuples(entry_ids(), fields([TICK, *EVENTS]))

DECODERS = {
    "bars": Decoder(unpack, mutated([BARS, b""])),
    "runs": Decoder(lambda runs: bars_of("AAPL", "1m", runs), fields([RUNS])),
    "digests": Decoder(lambda runs: digest_of_runs("1m", runs), fields([RUNS])),
    "digest-fields": Decoder(plain(parse_field), mutated([b"XNYS:2025-07-02:1m"]) | raw()),
    "notifications": Decoder(lambda given: messages.decode(*given), NOTIFICATIONS),
    "recordings": Decoder(recorded, NOTIFICATIONS),
    "feeds": Decoder(pushed, ENTRIES),
    "commands": Decoder(commands.decode, fields(COMMANDS), (InvalidInput,)),
    "replies": Decoder(commands.decode_reply, fields([REPLY])),
    "speeds": Decoder(plain(speed.parse_speed), mutated([b"max", b"60", b"1e3"]) | raw(), (InvalidInput,)),
    "configs": Decoder(config.decode, of_json(config.encode(CONFIG)), (Malformed, InvalidInput)),
    "symbols": Decoder(symbols.decode, of_json(symbols.encode(RECORD), symbols.encode(SymbolRecord("X", "UTC")))),
    "days": Decoder(days.decode, of_json(days.encode(DAYS))),
    "requests": Decoder(AdditionRequest.decode, of_json(REQUEST.encode())),
    "manifests": Decoder(Manifest.decode, of_json(MANIFEST.encode())),
    "cursors": Decoder(plain(entries.order), entry_ids()),
    "acknowledgements": Decoder(lockstep, st.lists(entry_ids(), max_size=4)),
    "intervals": Decoder(plain(interval_ms), mutated([b"1m", b"24h"]) | raw(), (InvalidInput,)),
    "session-names": Decoder(plain(names.check_session), mutated([b"demo"]) | raw(), (InvalidInput,)),
    "symbol-names": Decoder(plain(names.parse_symbol), mutated([b"BRK.B", b"^GSPC"]) | raw(), (InvalidInput,)),
    "moments": Decoder(
        plain(partial(times.parse_moment, zone="America/New_York", on=DATE)), mutated(TIMES) | raw(), (InvalidInput,)
    ),
    "dates": Decoder(plain(times.parse_date), mutated([b"2025-07-02"]) | raw(), (InvalidInput,)),
    "zones": Decoder(
        lambda given: times.full_text(*given),
        st.tuples(st.integers(), texts() | st.sampled_from(["America/New_York", "UTC", "Europe"])),
        (InvalidInput,),
    ),
    "sources": Decoder(
        plain(lambda uri: open_source(uris.absolute_source(uri))),
        mutated([b"sample:", b"csv:/data?label=end", b"parquet:~x/y"]) | raw(),
        (InvalidInput,),
    ),
    "scripts": Decoder(
        plain(lambda text: script.parse_script(text.split("\n"), "s")), mutated([SCRIPT]) | raw(), (InvalidInput,)
    ),
    "journals": Decoder(
        read_journal,
        st.tuples(*(json_like([line]) for line in JOURNAL)).map(list) | st.lists(raw(), max_size=3),
        (InvalidInput,),
    ),
}
DECODED = INPUTS // 2
"""Inputs of all decoders together: the other half goes to sessions that run."""


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", DECODERS)
def test_a_decoder_raises_what_it_documents_and_nothing_else(kind: str, tally: Tally) -> None:
    decoder = DECODERS[kind]

    @settings(
        max_examples=DECODED // len(DECODERS),
        deadline=None,
        derandomize=INPUTS == TEST_INPUTS,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(decoder.inputs)
    def decode(given: Any) -> None:
        try:
            decoder.decode(given)
        except decoder.may_raise:
            tally.count(kind, "refused")
        else:
            tally.count(kind, "accepted")

    decode()


FOUND: tuple[tuple[str, Any], ...] = (
    ("configs", config.encode(CONFIG).replace('"speed":"60"', '"speed":1' + "0" * 400).encode()),
    (
        "manifests",
        MANIFEST.encode().replace('[["1m","2025-07-02"]]', '[["1m","2025-07-02"],["1m","2025-07-02"]]').encode(),
    ),
    ("notifications", (b"1-0", {b"type": b"tick"})),
    ("runs", {b"0": BARS[:23], b"60000": BARS[:23]}),
    ("moments", b"9999-12-31 23:59"),
    ("symbols", b'{"calendar":"XNYS","zone":"UTC","added_entry":"now"}'),
)
"""What this fuzzing has found, each once an error of another kind, or none."""


@pytest.mark.parametrize(("kind", "found"), FOUND, ids=[kind for kind, _ in FOUND])
def test_what_once_got_through_is_refused(kind: str, found: Any) -> None:
    with pytest.raises(DECODERS[kind].may_raise):
        DECODERS[kind].decode(found)


MIB = 1 << 20
DEEP = b"[" * MIB
LONG = b"A" * (10 * MIB)
BOMBS: dict[str, tuple[Any, ...]] = {
    "bars": (b"\x81\xc0" * MIB, b"\x91" * (46 * 20_000), LONG),
    "runs": ({b"0": b"\x80" * 46 * 20_000}, {b"9" * MIB: b""}, dict.fromkeys((b"%d" % n for n in range(10_000)), b"")),
    "digests": ({b"9" * MIB: b""}, dict.fromkeys((b"%d" % n for n in range(10_000)), b"")),
    "notifications": (
        (b"1-0", {b"type": b"tick", FIELD: b"," * MIB + b"\n"}),
        (b"1-0", {b"type": b"tick", FIELD: LONG + b"\n" + BARS[:46]}),
        (b"1-0", {b"type": b"symbol-added", b"symbols": b"," * MIB, b"command": LONG}),
    ),
    "feeds": (
        (b"%d-0" % CLOSE_MS, {b"type": b"tick", FIELD: LONG + b"\n" + BARS[:46]}),
        (b"%d-0" % CLOSE_MS, {b"type": b"ticks", b"1s@0": LONG + b"\n" + BARS[:46] * 1_000}),
        (b"%d-0" % CLOSE_MS, {b"type": b"ticks", b"1s@%d" % (CLOSE_MS - 200_000_000): b"A\n" + BARS[:46] * 200_000}),
        (b"%d-0" % CLOSE_MS, {b"type": LONG}),
        (b"%d-0" % CLOSE_MS, {b"type": b"tick", **{b"%dm@0" % n: b"" for n in range(10_000)}}),
    ),
    "commands": (
        {b"op": LONG},
        {b"op": b"add-symbol", b"symbol": b"," * (MIB - 100)},
        {b"op": b"add-symbol", b"symbol": b"A", b"rejected": DEEP[:-100]},
        {b"%d" % n: b"" for n in range(20_000)},
    ),
    "replies": ({**REPLY, b"result": DEEP}, {**REPLY, b"error": LONG}),
    "speeds": (LONG, b"9" * MIB),
    "configs": (DEEP, b'{"a":' * MIB, LONG),
    "symbols": (DEEP, b'{"a":' * MIB),
    "days": (DEEP, b'{"days":[' + b'["a"],' * 10_000 + b"[]]}"),
    "requests": (DEEP, LONG),
    "manifests": (DEEP, LONG),
    "cursors": (b"9" * MIB, LONG),
    "intervals": (LONG, b"9" * MIB + b"m"),
    "session-names": (LONG,),
    "symbol-names": (LONG,),
    "moments": (LONG, b"9" * MIB + b":00"),
    "dates": (LONG,),
    "sources": (LONG, b"csv:~" + LONG, b"sample:?" + b"&" * MIB),
    "scripts": (b"12:06 add-symbol " + LONG, b"12:06 add-symbol '" * 10_000, b"\n" * MIB, b"12:06 " + b'a"' * MIB),
    "journals": ([DEEP], [LONG], [b"{}"] * 10_000),
}
LONGEST_ERROR = 1_000
TIMES_ITS_SIZE = 40
"""What an input of some MiB may take in memory while it is decoded, by its size: a field is many small objects."""


SMALLEST = 50
"""Bytes of an object in Python."""


def size_of(bomb: Any) -> int:
    """The bytes of an input, roughly."""
    match bomb:
        case bytes():
            return len(bomb)
        case dict():
            return SMALLEST * len(bomb) + sum(map(size_of, bomb)) + sum(map(size_of, bomb.values()))
        case _:
            return SMALLEST * len(bomb) + sum(map(size_of, bomb))


@pytest.mark.parametrize(
    ("kind", "bomb"),
    [pytest.param(kind, bomb, id=f"{kind}-{at}") for kind, bombs in BOMBS.items() for at, bomb in enumerate(bombs)],
)
def test_an_input_of_some_mib_takes_no_more_memory_than_its_size_allows(kind: str, bomb: Any, tally: Tally) -> None:
    decoder = DECODERS[kind]
    tracemalloc.start()
    said = ""
    try:
        decoder.decode(bomb)
    except decoder.may_raise as error:
        said = str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    tally.count(kind, "refused" if said else "accepted")
    assert len(said) < LONGEST_ERROR
    assert peak < MIB + TIMES_ITS_SIZE * size_of(bomb)
