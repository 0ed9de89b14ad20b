"""From a created session to a running one: calendars, the first clock, the end, the first stop."""

from __future__ import annotations

import json
from collections.abc import Iterator

from coordinator.commands import stop_ms
from coordinator.state import State
from coordinator.store import Store
from playhead.commands import decode, encode
from playhead.config import SessionConfig
from playhead.days import TradingDays
from playhead.errors import InvalidInput
from playhead.symbols import SymbolRecord
from shared.calendars import calendar, calendar_name_for
from shared.hours import Hours


def open_session(store: Store, state: State) -> None:
    """Opens the session, or ends it as failed where its dates, calendars or first stop cannot be."""
    config = state.config
    try:
        calendars: dict[str, TradingDays] = {}
        records: dict[str, SymbolRecord] = {}
        all_hours: list[Hours] = []
        for given, name in zip(config.symbols, first_calendars(config), strict=True):
            hours = Hours.in_session(name, config)
            calendars[hours.market.name] = hours.days
            all_hours.append(hours)
            records[given.symbol] = SymbolRecord(hours.market.name, hours.zone, given.source)
        state.zone = calendar(config.calendar).zone.key
        state.clock_ms = min(hours.open_ms for hours in all_hours)
        state.end_ms = max(hours.close_ms for hours in all_hours)
        commands = scripted(state)
        stop = None if config.run_until is None else stop_ms(state, config.run_until)
    except InvalidInput as error:
        store.fail(str(error))
        return
    store.open(state, records, calendars, stop, commands)


def first_calendars(config: SessionConfig) -> Iterator[str]:
    """The calendars of the symbols that a session begins with, one each."""
    for given in config.symbols:
        yield given.calendar or calendar_name_for(given.symbol, {}, config.calendar)


def scripted(state: State) -> list[tuple[int, str]]:
    """The commands of the session's script: market time, and the fields as JSON. Raises `InvalidInput` naming the line.

    Those of a repeated session have the clock at which they were carried out, which may be the first one, and may lie
    beyond the end as it is without them.
    """
    found = []
    for each in state.config.script:
        try:
            fields = {"id": each.fields["id"]} if "id" in each.fields else {}
            fields |= encode(decode({name.encode(): text.encode() for name, text in each.fields.items()}))
            at_ms = stop_ms(state, each.at) if each.clock_ms is None else each.clock_ms
            if at_ms < state.clock_ms:
                raise InvalidInput(f"the session begins at {state.clock_ms} ms, after that")
        except InvalidInput as error:
            raise InvalidInput(f"{each}: {error}") from error
        found.append((at_ms, json.dumps(fields, separators=(",", ":"))))
    return found
