"""What is released of some ticks: put in order, made into runs, and hashed. All that is done before a move goes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.batch import Runs, regrouped
from coordinator.merge import Merged
from coordinator.roster import Arranged, Roster
from shared.run_hash import after_stretch, after_tick


@dataclass(frozen=True, slots=True)
class Release:
    """`ticks` are those that have a bar, `runs` are their bars. `before` and `after` are the run hashes."""

    found: Sequence[Merged]
    roster: Roster
    ticks: Sequence[Arranged]
    runs: Sequence[Runs]
    before: str
    after: str

    @classmethod
    def of(cls, found: Sequence[Merged], roster: Roster, before: str) -> Release:
        """Of ticks that were found in the feeds, after a run hash."""
        ticks = [tick for tick in roster.arrange(found) if tick.groups]
        after = before
        for each in ticks:
            if each.stretch is None:
                after = after_tick(after, each.close_ms, ((group.field, group.value) for group in each.groups))
            else:
                after = after_stretch(after, each.stretch)
        return cls(found, roster, ticks, list(regrouped(ticks)), before, after)

    def is_of(self, found: Sequence[Merged], roster: Roster, before: str) -> bool:
        """Whether it is that of the same."""
        return self.roster is roster and self.before == before and self.found == found

    @property
    def length(self) -> int:
        """How many ticks it has."""
        return sum(tick.length for tick in self.ticks)

    @property
    def bars(self) -> int:
        """How many bars it has."""
        return sum(tick.bars for tick in self.ticks)

    @property
    def size(self) -> int:
        """Roughly how many bytes it takes in the notifications."""
        return sum(tick.size for tick in self.ticks)

    @property
    def last(self) -> str | None:
        """The id of its last notification, `None` where it has none."""
        return f"{self.ticks[-1].last_ms}-0" if self.ticks else None
