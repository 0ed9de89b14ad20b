"""What the coordinator knows of its session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from playhead.config import SessionConfig
from playhead.days import NEVER_MS, TradingDays
from playhead.entries import order
from playhead.symbols import SymbolRecord
from shared.hours import Hours


@dataclass(slots=True)
class State:
    """What the coordinator knows of its session. Redis has the truth: a new one is read wherever that may differ.

    `noted` is the last notification that is known of; there may be events after it.
    `operation` are the fields of the addition in progress, if there is one, `held` says whether there is a hold.
    `warming` says that the first history is still to be read, `due` is the number and the market time of the next
    scheduled command. `removed` are the symbols that were removed and that positions before that still see, by the name
    `<symbol> <since>`. `skipped` counts the entries of other hands that were taken out of streams, `stray` is a member
    of the schedule that is no number of a command.
    """

    history: str
    status: str
    config: SessionConfig
    records: dict[str, SymbolRecord]
    clock_ms: int
    end_ms: int
    zone: str
    speed: float | None
    stop_ms: int | None
    stop_ticks: int | None
    commands_at: str
    trimmed: str
    noted: str
    operation: Mapping[bytes, bytes]
    held: bool
    warming: bool
    due: tuple[str, int] | None
    run_hash: str
    skipped: str = "0"
    stray: bytes | None = None
    removed: dict[str, SymbolRecord] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.status in ("finished", "stopped", "failed")

    @property
    def due_ms(self) -> int:
        """The market time of the next scheduled command."""
        return NEVER_MS if self.due is None else self.due[1]

    def hours(self, calendar: str) -> Hours:
        """Those of a calendar in this session."""
        return Hours.in_session(calendar, self.config)

    @property
    def calendars(self) -> list[str]:
        """Those of its symbols, sorted."""
        return sorted({record.calendar for record in self.records.values()})

    def first_day(self, days: TradingDays, clock_ms: int) -> int:
        """The first day whose session data a reader at a clock may see."""
        return max(0, days.current(clock_ms) - self.config.history)

    def removed_by(self, entry: str) -> list[str]:
        """The names of what was removed at an entry or before it."""
        here = order(entry)
        return [name for name, each in self.removed.items() if each.removed_entry and order(each.removed_entry) <= here]
