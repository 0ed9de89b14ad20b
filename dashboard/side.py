"""What stands around the chart: holds, consumers, workers, the journal, the pauses."""

from __future__ import annotations

from typing import Final

from dashboard.charts import PauseChart
from dashboard.deeds import pauses
from dashboard.farm import Farm
from dashboard.parts import Text, panel
from dashboard.rows import Row, Rows
from dashboard.scene import Scene
from dashboard.texts import deed_text, hold_text, lag_text, life_text, market_text, wall_text
from playhead.info import SessionInfo

JOURNAL_SHOWN: Final = 100


class HoldsPanel:
    """Who holds the clock, and the commands that wait for their time."""

    def __init__(self) -> None:
        with panel("Holds", "holds"):
            self._rows = Rows("Holds", (("", ""), ("", "wide")), "None: the clock is free to move")
        with panel("Scheduled", "scheduled") as self._panel:
            self._scheduled = Rows("Scheduled", (("At", ""), ("Command", "wide")), "Nothing")
        self._panel.set_visibility(False)

    def show(self, scene: Scene, info: SessionInfo) -> None:
        self._rows.show([Row(hold.name, (hold.name, hold_text(hold)), "held") for hold in scene.holds])
        self._panel.set_visibility(bool(info.scheduled))
        self._scheduled.show(
            [
                Row(each.command, (market_text(each.at_ms, info), " ".join(each.fields.values())))
                for each in info.scheduled[:JOURNAL_SHOWN]
            ]
        )


class ConsumersPanel:
    """The registered consumers. The page itself is none."""

    def __init__(self) -> None:
        with panel("Consumers", "consumers"):
            columns = (("Name", ""), ("Position", "number"), ("Behind", "number"), ("", "wide"))
            self._rows = Rows("Consumers", columns, "None has registered")

    def show(self, scene: Scene, info: SessionInfo) -> None:
        rows = []
        for each in scene.consumers:
            position = "-" if each.position_ms is None else market_text(each.position_ms, info)
            kind = "" if each.silent_s == 0 else "muted" if each.silent_s is None else "late"
            rows.append(Row(each.name, (each.name, position, lag_text(each, info.clock_ms), life_text(each)), kind))
        self._rows.show(rows)


class WorkersPanel:
    """The workers of the server, and their queue."""

    def __init__(self) -> None:
        with panel("Workers", "workers"):
            self._queue = Text("queue")
            self._rows = Rows(
                "Workers", (("Worker", "wide"), ("", ""), ("Seen", "number")), "None: nothing can be added"
            )

    def show(self, farm: Farm | None) -> None:
        if farm is None:
            return
        if farm.problem:
            self._queue.say(farm.problem, "alarm")
            return
        waiting = f"{farm.queued} job{'' if farm.queued == 1 else 's'} waiting" if farm.queued else "queue empty"
        self._queue.say(waiting)
        self._rows.show(
            [
                Row(
                    each.name,
                    (each.place, each.job or each.state, "" if each.seen_ms is None else wall_text(each.seen_ms)),
                )
                for each in farm.workers
            ]
        )


class JournalPanel:
    """What was done at which market time."""

    def __init__(self) -> None:
        with panel("Journal", "journal"):
            columns = (("Clock", ""), ("Done", ""), ("Outcome", "wide"))
            self._rows = Rows("Journal", columns, "Nothing was done yet")
        with panel("How long the clock stood", "pauses"):
            self._none = Text("none")
            self._pauses = PauseChart()

    def show(self, scene: Scene, info: SessionInfo) -> None:
        rows = []
        for deed in scene.deeds[:JOURNAL_SHOWN]:
            kind = "late" if deed.status in ("rejected", "partial") else ""
            rows.append(Row(deed.entry, deed_text(deed, info), kind))
        self._rows.show(rows)
        found = pauses(scene.deeds)
        self._none.say("" if found else "A bar for each addition, once there is one")
        self._pauses.set_visibility(bool(found))
        self._pauses.show(found)
