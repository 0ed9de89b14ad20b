"""Looks at one session for all browsers that show it, in a thread, and hands on what has changed."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from dashboard.look import Look
from dashboard.scene import Scene, SeriesKey
from playhead.errors import HistoryLost, PlayheadError, RedisUnavailable, SessionNotFound
from shared.logs import SessionLog

LOG: Final = logging.getLogger(__name__)
BEAT_S: Final = 0.1
"""The shortest time from one look to the next: ten a second, whatever the clock's pace is."""
SHARE: Final = 20
"""What takes long comes less often: no more than one part in so many of the time is spent on it."""
CALM_S: Final = 2.0
CALM_BEAT_S: Final = 0.25
"""Once nothing has changed for so long, it looks this often, until somebody gives a command here."""
AGAIN_S: Final = 0.5
"""Pause after a look that failed."""

Publish = Callable[[Scene], None]


class Follower:
    """Reads a session while it is not ended. `publish` is called in its thread, with each scene that is another."""

    def __init__(self, name: str, url: str, queue_url: str, publish: Publish) -> None:
        self._name = name
        self._url = url
        self._queue_url = queue_url
        self._publish = publish
        self._log = SessionLog(LOG, name)
        self._watched: Counter[SeriesKey] = Counter()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._wanted = threading.Event()
        self._scene = Scene()
        self._problem = ""

    def start(self) -> None:
        """Begins to look."""
        threading.Thread(target=self._run, name=f"look-{self._name}", daemon=True).start()

    def end(self) -> None:
        """Has the thread end after the look that it is at."""
        self._ended.set()
        self._wanted.set()

    def watch(self, key: SeriesKey) -> None:
        """Somebody looks at these bars from now on."""
        with self._lock:
            self._watched[key] += 1
        self._wanted.set()

    def unwatch(self, key: SeriesKey) -> None:
        """One fewer does."""
        with self._lock:
            self._watched[key] -= 1
            self._watched += Counter()  # drops what nobody looks at

    def hurry(self) -> None:
        """Something has just been done: looks now."""
        self._wanted.set()

    def _run(self) -> None:
        log = self._log
        while not self._ended.is_set():
            try:
                with Look(self._name, self._url, self._queue_url) as look:
                    self._follow(look)
            except SessionNotFound as error:
                self._say(Scene(problem=str(error), gone=True))
            except HistoryLost as error:
                log.warning("%s; it is shown anew", error)
                self._scene = Scene()
            except PlayheadError as error:
                self._say(replace(self._scene, problem=str(error)))
                if not isinstance(error, RedisUnavailable) and self._problem != str(error):
                    log.warning("the page cannot show the session: %s", error)
                self._problem = str(error)
            except Exception as error:  # the page says so and goes on; the cause must not pass unseen
                self._say(replace(self._scene, problem=f"{type(error).__name__}: {error}"))
                if self._problem != repr(error):
                    log.exception("looking at the session failed; it is tried again")
                self._problem = repr(error)
            self._ended.wait(AGAIN_S)

    def _follow(self, look: Look) -> None:
        changed_s = time.monotonic()
        due_s = changed_s  # when the whole is read again; between, the clock and the bars are
        while not self._ended.is_set():
            self._wanted.clear()
            begun_s = time.monotonic()
            with self._lock:
                watched = tuple(self._watched)
            if begun_s >= due_s:
                scene = look.read(watched)
                now_s = time.monotonic()
                due_s = now_s + SHARE * (now_s - begun_s)
                took_s = 0.0
            else:
                scene = look.glance(watched)
                now_s = time.monotonic()
                took_s = now_s - begun_s
            self._problem = ""
            if _differ(scene, self._scene):
                self._say(scene)
                changed_s = now_s
            beat_s = max(BEAT_S, SHARE * took_s)
            pause_s = beat_s if now_s - changed_s < CALM_S else max(beat_s, CALM_BEAT_S)
            if self._wanted.wait(pause_s):
                changed_s = due_s = time.monotonic()
                self._ended.wait(max(0.0, begun_s + BEAT_S - changed_s))

    def _say(self, scene: Scene) -> None:
        if _differ(scene, self._scene):
            self._scene = scene
            self._publish(scene)


def _differ(one: Scene, other: Scene) -> bool:
    """Whether there is anything to draw. Bars that were not read again are the same object."""
    return (
        one.info != other.info
        or one.series is not other.series
        or one.problem != other.problem
        or (one.holds, one.deeds, one.consumers, one.farm) != (other.holds, other.deeds, other.consumers, other.farm)
    )
