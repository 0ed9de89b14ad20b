"""What a coordinator remembers of a session that it has served, to notice a server that has less."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.state import State
from playhead.entries import order
from playhead.epochs import Epochs, parted_after
from playhead.times import full_text


@dataclass(frozen=True, slots=True)
class Memory:
    """A session as it was when it was given up. Nothing goes on from this: it is only compared."""

    clock_ms: int
    noted: str
    commands_at: str
    epochs: Epochs

    @classmethod
    def of(cls, state: State, epochs: Epochs) -> Memory:
        return cls(state.clock_ms, state.noted, state.commands_at, epochs)

    def lost(self, now: State, epochs: Epochs) -> str | None:
        """What the server has lost since then, in words; `None` for nothing."""
        kept = parted_after(self.epochs, epochs)
        lost = []
        if kept is not None and order(kept) < order(self.noted):
            lost.append(f"notifications after {kept} (there were some up to {self.noted})")
        if order(now.commands_at) < order(self.commands_at):
            lost.append(f"what commands after {now.commands_at} have done (the last one was {self.commands_at})")
        if not lost:
            return None
        clocks = [full_text(at_ms, now.zone) for at_ms in (self.clock_ms, now.clock_ms)]
        return f"{' and '.join(lost)}; the clock read {clocks[0]}, and now reads {clocks[1]}"
