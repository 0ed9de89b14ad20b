"""One session while this process is its recorder."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Final

import redis

from playhead.config import RECORDER, decode
from playhead.connection import text
from playhead.entries import order
from playhead.errors import (
    ConsumerFellBehind,
    ConsumerNameTaken,
    Fenced,
    RedisUnavailable,
    SessionNotFound,
    sendable,
)
from playhead.messages import Message, SymbolAdded
from recorder.files import Files, OtherRecording
from recorder.following import Following
from recorder.metrics import FAILING, WRITTEN
from recorder.part import Part, table_of_bars
from shared.background import in_background
from shared.lease import Lease
from shared.logs import SessionLog
from shared.scripts import script
from shared.settings import Settings

LOG: Final = logging.getLogger(__name__)
ROLE: Final = RECORDER
WAIT_MS: Final = 200
"""The longest wait for a notification. Where none comes, what has come is written."""
WRITE_S: Final = 1.0
"""How long something waits at most to be written where more and more comes."""
RETRY_S: Final = 0.5
"""Between two attempts to write where it cannot be written."""
RESTING_S: Final = 0.2
"""Pause after the last notification."""

_REPORT: Final = script("report_recording")


class Recorder:
    """Follows as the registered consumer `recorder`, so that the clock waits rather than leave it behind, and says that
    something is done when it is on the disk."""

    def __init__(self, client: redis.Redis, lease: Lease, settings: Settings) -> None:
        self._client = client
        self._lease = lease
        self._keys = lease.keys
        self._url = settings.redis_url
        self._log = SessionLog(LOG, lease.keys.session)
        config, complaint = client.hmget(lease.keys.state, ["config", "recording_error"])
        if config is None:
            raise SessionNotFound(f"session {lease.keys.session} is gone")
        self._config = decode(text(config).encode())
        self._directory = Path(self._config.record or ".")
        self._registering: Future[Following] | None = None
        self._following: Following | None = None
        self._files: Files | None = None
        self._part: Part | None = None
        self._waiting: deque[Message] = deque()
        self._unwritten = False
        self._since_s = math.inf
        self._complaint = "" if complaint is None else text(complaint)
        self._written, self._failing = WRITTEN.labels(lease.keys.session), FAILING.labels(lease.keys.session)
        self._failing.set(bool(self._complaint))
        self._done = False

    @property
    def trouble(self) -> str:
        """Nothing: what keeps it from writing stands in `recording_error`."""
        return ""

    def step(self) -> None:
        """Reads, writes, or waits a little."""
        if self._done:
            time.sleep(RESTING_S)
        elif self._following is None:
            self._register()
        else:
            try:
                self._record(self._following)
            except (OSError, OtherRecording) as error:
                self._complain(_said(error))
                time.sleep(RETRY_S)

    def close(self) -> None:
        """Frees the name. What was read and not written is read again by the next one."""
        if self._following is not None and not self._done:
            with suppress(RedisUnavailable):
                self._following.make_way()

    def _register(self) -> None:
        """Takes the name in a thread: that of a process that was killed is free only after some seconds."""
        if self._registering is None:
            self._registering = in_background(
                lambda: Following(self._client, self._url, self._keys), f"register-{self._keys.session}"
            )
        if wait([self._registering], RESTING_S).not_done:
            return
        try:
            self._following = self._registering.result()
        except ConsumerNameTaken as error:
            self._complain(str(error))
            time.sleep(RETRY_S)
        finally:
            self._registering = None

    def _record(self, following: Following) -> None:
        if self._files is None:
            files = Files(self._directory, self._keys.session, following.history, following.holder, following.holds)
            kept = following.kept_of(files.through, files.epoch) if files.epoch else None
            if kept is not None:
                raise OtherRecording(
                    f"the server has lost its last writes: what came after {kept} is gone, or comes again and may "
                    f"differ, and the files in {files.directory} go up to {files.through}; move them away, and "
                    "recording goes on"
                )
            self._files = files
            self._log.info("recording in %s after %s", self._files.directory, self._files.through)
        if self._part is not None and (self._part.is_full or time.monotonic() - self._since_s > WRITE_S):
            self._write(self._part, following, self._files)
        if not self._waiting and not self._read(following):
            if self._unwritten and self._part is not None:
                self._write(self._part, following, self._files)
            else:
                following.acknowledge(following.read)
                if following.over:
                    self._finish(following)
        while self._waiting and not (self._part is not None and self._part.is_full):
            self._take(self._waiting[0], following, self._files)
            self._waiting.popleft()

    def _read(self, following: Following) -> bool:
        """Whether something has come."""
        # In step with its consumers the clock waits for what is not written yet.
        in_step = self._unwritten and self._config.lead is not None
        try:
            self._waiting.extend(following.next(0 if in_step else WAIT_MS))
        except ConsumerFellBehind:
            after, through = following.skip_lost()
            self._log.error("the notifications after %s and up to %s were not recorded and are lost", after, through)
        return bool(self._waiting)

    def _take(self, message: Message, following: Following, files: Files) -> None:
        if order(message.entry) <= order(files.through):
            return  # it is in a file, and was not acknowledged
        if isinstance(message, SymbolAdded):
            files.write_added(message.entry, table_of_bars(following.caught_up(message, self._config.intervals)))
        if self._part is None:
            self._part = Part(message.entry)
        self._part.add(message)
        if not self._unwritten:
            self._unwritten, self._since_s = True, time.monotonic()

    def _write(self, part: Part, following: Following, files: Files) -> None:
        """Writes and acknowledges what has come. A part that is not full grows on under its name."""
        files.write(part, following.epoch)
        self._written.inc()
        self._unwritten, self._since_s = False, math.inf
        if part.is_full:
            self._part = None
        following.acknowledge(part.last)
        self._goes_on()

    def _finish(self, following: Following) -> None:
        following.leave()
        self._goes_on()
        self._done = True
        self._log.info("recorded up to %s", following.read)

    def _goes_on(self) -> None:
        if self._complaint:
            self._say("")
            self._complaint = ""
            self._failing.set(0)
            self._log.info("recording goes on")

    def _complain(self, reason: str) -> None:
        """Says in the session's state and in the log what stands in the way; once, until it is another reason."""
        if reason != self._complaint:
            self._complaint = reason
            self._failing.set(1)
            self._log.error("the session is not recorded: %s", reason)
            self._say(reason)

    def _say(self, reason: str) -> None:
        if _REPORT(self._client, [self._keys.state], [self._lease.token, sendable(reason)]) == b"fenced":
            raise Fenced(f"session {self._keys.session} has another recorder now")


def _said(error: OSError | OtherRecording) -> str:
    if isinstance(error, OtherRecording):
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}; recording goes on when that is mended"
