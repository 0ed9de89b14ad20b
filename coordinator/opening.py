"""From a created session to a running one: calendars, the first clock, the end, the first stop."""

from __future__ import annotations

from coordinator.commands import stop_ms
from coordinator.store import State, Store
from playhead.errors import InvalidInput
from playhead.symbols import SymbolRecord
from shared.calendars import calendar, calendar_name_for
from shared.hours import Hours


def open_session(store: Store, state: State) -> None:
    """Opens the session, or ends it as failed where its dates, calendars or first stop cannot be."""
    config = state.config
    try:
        records: dict[str, SymbolRecord] = {}
        all_hours: list[Hours] = []
        for given in config.symbols:
            name = given.calendar or calendar_name_for(given.symbol, {}, config.calendar)
            hours = Hours.of(name, config.date, config.end)
            all_hours.append(hours)
            records[given.symbol] = SymbolRecord(hours.market.name, hours.zone, given.source)
        state.zone = calendar(config.calendar).zone.key
        state.clock_ms = min(hours.open_ms for hours in all_hours)
        state.end_ms = max(hours.close_ms for hours in all_hours)
        stop = None if config.run_until is None else stop_ms(state, config.run_until)
    except InvalidInput as error:
        store.fail(str(error))
        return
    store.open(records, state.clock_ms, state.end_ms, state.zone, stop)
