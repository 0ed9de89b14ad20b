"""Every key of Playhead in Redis. No key is spelled anywhere else; `docs/protocol.md` describes the contents."""

from __future__ import annotations

from dataclasses import dataclass

from playhead.names import check_consumer, check_session

SESSIONS = "playhead:sessions"
"""Set of the names of all sessions. Lives until it is empty."""

JOBS_QUEUE = "playhead"
"""Name of the RQ queue of add-symbol jobs (on the server of `PLAYHEAD_QUEUE_URL`)."""

# Keys of RQ, which writes them; here they are only looked at.
QUEUE = f"rq:queue:{JOBS_QUEUE}"
"""List: ids of the jobs that wait."""
QUEUE_WORKERS = f"rq:workers:{JOBS_QUEUE}"
"""Set: keys of the workers that take jobs from it."""


def queue_job(id: str) -> str:
    """Hash: a job of RQ; `enqueued_at`."""
    return f"rq:job:{id}"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one session. All share the hash tag `{session}`, so that they live in one cluster slot.

    Without another word a key lives until the session is deleted.
    """

    session: str

    def __post_init__(self) -> None:
        check_session(self.session)

    @property
    def state(self) -> str:
        """Hash: status, clock_ms, active, tokens, stop, config: see the protocol. The prefix of all other keys."""
        return f"playhead:{{{self.session}}}"

    @property
    def holds(self) -> str:
        """Set: names of the holds. The session is paused while it is not empty."""
        return f"{self.state}:holds"

    @property
    def symbols(self) -> str:
        """Hash: symbol -> JSON of origin, calendar, feed and receipt."""
        return f"{self.state}:symbols"

    @property
    def removed(self) -> str:
        """Hash: `<symbol> <since>` -> JSON as in `symbols`, with the event of the removal. Goes when no position that
        is kept is before that.
        """
        return f"{self.state}:removed"

    @property
    def calendars(self) -> str:
        """Hash: calendar -> JSON of its trading days: which day is the current one, and when bars close."""
        return f"{self.state}:calendars"

    @property
    def notifications(self) -> str:
        """Stream: ticks and events in clock order, ids in market time. Trimmed to the retained ticks."""
        return f"{self.state}:notifications"

    @property
    def commands(self) -> str:
        """Stream: commands to the coordinator, plain text fields."""
        return f"{self.state}:commands"

    @property
    def replies(self) -> str:
        """Stream: the answers. Trimmed to the last 10,000."""
        return f"{self.state}:replies"

    @property
    def answered(self) -> str:
        """Hash: command id -> entry id of its first reply. Trimmed with the replies."""
        return f"{self.state}:answered"

    @property
    def journal(self) -> str:
        """Stream: what was done at which market time."""
        return f"{self.state}:journal"

    @property
    def schedule(self) -> str:
        """Sorted set: numbers of the commands that wait for their market time, by that time."""
        return f"{self.state}:schedule"

    @property
    def scheduled(self) -> str:
        """Hash: number of a command that waits (`@1`) -> JSON of its id and fields."""
        return f"{self.state}:scheduled"

    @property
    def digests(self) -> str:
        """Hash: `<calendar>:<day>:<interval>` -> JSON of symbol and digest, for each trading day that is over; and
        `clock_ms`, once the session has ended and all that it has is digested.
        """
        return f"{self.state}:digests"

    @property
    def operation(self) -> str:
        """Hash: the addition in progress. Lives from `begin` to `commit`."""
        return f"{self.state}:operation"

    @property
    def windows(self) -> str:
        """Hash: window start -> JSON of its symbols; `through_ms` (end of the last one), `final`."""
        return f"{self.state}:windows"

    @property
    def consumers(self) -> str:
        """Hash: consumer -> wall clock of its last heartbeat, UTC milliseconds."""
        return f"{self.state}:consumers"

    def consumer(self, name: str) -> str:
        """Hash: cursor, holder, history of one registered consumer."""
        return f"{self.state}:consumer:{check_consumer(name)}"

    @property
    def all_consumers(self) -> str:
        """A `SCAN` pattern of the hashes of all consumers, those that were dropped too."""
        return f"{self.state}:consumer:*"

    @property
    def acks(self) -> str:
        """Stream: consumers and how far they have come, which wakes the coordinator of a session with a lead. Trimmed
        to the last 1,000, roughly: what counts are the cursors.
        """
        return f"{self.state}:acks"

    @property
    def epochs(self) -> str:
        """Stream: `epoch` (an id) and `after` (the last notification before it) of each coordinator that took over.
        Trimmed to the last 1,000.
        """
        return f"{self.state}:epochs"

    def lease(self, role: str) -> str:
        """String: the process that serves the session in a role. Expires when it is not renewed."""
        return f"{self.state}:lease:{role}"

    def feed(self, name: str) -> str:
        """Stream: bars to come in close-time order. `main` by the producer, one more for each addition."""
        return f"{self.state}:feed:{name}"

    def bars(self, symbol: str, interval: str, day: str) -> str:
        """Hash: session data of one trading day; start of a run's first bar -> the packed run. Those of earlier days
        go when no position that is kept needs them.
        """
        return f"{self.state}:bars:{symbol}:{interval}:{day}"

    def removed_bars(self, since: str, symbol: str, interval: str, day: str) -> str:
        """Hash like `bars`, of a symbol that was there since an entry (`0-0`: from the start) and was removed. Goes
        with its record in `removed`, or before it as `bars` do.
        """
        return f"{self.state}:removed:{since}:bars:{symbol}:{interval}:{day}"

    def reports(self, operation: str) -> str:
        """Stream: what the workers of one addition report. Lives as long as staged keys."""
        return f"{self.state}:staged:{operation}:reports"

    def manifest(self, attempt: str) -> str:
        """Hash: how many parts one attempt has staged, and what it counted when it was complete. Expires."""
        return f"{self.state}:staged:{attempt}:manifest"

    def staged_bars(self, attempt: str, symbol: str, interval: str, day: str) -> str:
        """Hash like `bars`, invisible until it is committed. Expires."""
        return f"{self.state}:staged:{attempt}:bars:{symbol}:{interval}:{day}"

    def staged_feed(self, attempt: str) -> str:
        """Stream like `feed`, invisible until it is committed. Expires."""
        return f"{self.state}:staged:{attempt}:feed"

    @property
    def all(self) -> str:
        """A `SCAN` pattern of all keys of the session but its state hash."""
        return f"{self.state}:*"
