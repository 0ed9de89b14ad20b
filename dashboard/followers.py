"""The followers: one a session, for as long as somebody looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from dashboard.follower import Follower
from dashboard.scene import Scene, SeriesKey

LINGER_S: Final = 2.0
"""How long one goes on after the last page was left: a page that is loaded again finds it."""

Show = Callable[[Scene], None]


@dataclass(eq=False)
class Watching:
    """A page's share in a follower. `scene` is what was shown last, to everybody alike."""

    show: Show
    _room: _Room
    _key: SeriesKey | None = None

    @property
    def scene(self) -> Scene:
        return self._room.scene

    def look_at(self, key: SeriesKey | None) -> None:
        """The bars that this page shows from now on."""
        before, self._key = self._key, key
        if key is not None:
            self._room.follower.watch(key)
        if before is not None:
            self._room.follower.unwatch(before)

    def hurry(self) -> None:
        """Something has been done from this page."""
        self._room.follower.hurry()


@dataclass(eq=False)
class _Room:
    follower: Follower
    scene: Scene = field(default_factory=Scene)
    watching: list[Watching] = field(default_factory=list)
    ending: asyncio.TimerHandle | None = None


class Followers:
    """Used in the event loop alone."""

    def __init__(self, url: str, queue_url: str) -> None:
        self._url = url
        self._queue_url = queue_url
        self._rooms: dict[str, _Room] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def join(self, name: str, show: Show) -> Watching:
        """Calls `show` in the event loop with each scene of a session, until the page leaves."""
        room = self._rooms.get(name) or self._open(name)
        if room.ending is not None:
            room.ending.cancel()
            room.ending = None
        watching = Watching(show, room)
        room.watching.append(watching)
        return watching

    def leave(self, name: str, watching: Watching) -> None:
        """The page is not there any more."""
        room = self._rooms.get(name)
        if room is None or watching not in room.watching:
            return
        watching.look_at(None)
        room.watching.remove(watching)
        if not room.watching:
            room.ending = asyncio.get_running_loop().call_later(LINGER_S, self._close, name, room)

    def end(self) -> None:
        """Ends all."""
        for room in self._rooms.values():
            room.follower.end()
        self._rooms.clear()

    def _open(self, name: str) -> _Room:
        loop = asyncio.get_running_loop()

        def publish(scene: Scene) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(shown, scene)

        def shown(scene: Scene) -> None:
            room.scene = scene
            for watching in tuple(room.watching):
                watching.show(scene)

        room = self._rooms[name] = _Room(Follower(name, self._url, self._queue_url, publish))
        room.follower.start()
        return room

    def _close(self, name: str, room: _Room) -> None:
        if not room.watching and self._rooms.get(name) is room:
            del self._rooms[name]
            room.follower.end()
