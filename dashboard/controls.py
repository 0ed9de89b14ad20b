"""The controls of the clock: play, pause, step, speed, run to a time, stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nicegui import ui
from nicegui.events import KeyEventArguments

from dashboard.commands import said, with_session
from dashboard.heading import Heading
from dashboard.parts import Text, button, confirmed, field, on_enter
from playhead.commands import Reply
from playhead.errors import PlayheadError
from playhead.session import Session

SPEEDS: Final = ("1", "10", "60", "300", "600", "3600", "max")
STEPS: Final = 10


class Controls:
    """Gives the commands of one session. `hurry` is called after each: what it did should be seen at once."""

    def __init__(self, name: str, url: str, hurry: Callable[[], None]) -> None:
        self._name = name
        self._url = url
        self._hurry = hurry
        self._paused = True
        self._over = False
        with ui.element("div").classes("ph-controls"):
            with ui.element("div").classes("ph-group"):
                self._play = button("play_arrow", "Play", self._play_or_pause).classes("ph-play")
                self._step = button("skip_next", "Step", lambda: self._do(lambda session: session.step()))
                self._steps = button(
                    "fast_forward", f"Step {STEPS} ticks", lambda: self._do(lambda session: session.step(STEPS))
                )
            with ui.element("div").classes("ph-group ph-speeds").props('role=group aria-label="Speed"'):
                self._speeds = {speed: self._speed_button(speed) for speed in SPEEDS}
            with ui.element("div").classes("ph-group ph-run-to"):
                self._until = field("Run to", "12:06")
                on_enter(self._until, self._run_to)
                self._run = button("last_page", "Run to this time", self._run_to)
            self._stop = button("stop", "Stop the session", self._ask_to_stop).classes("ph-stop")
            self._error = Text("control-error")
        ui.keyboard(on_key=self._on_key)

    def show(self, heading: Heading) -> None:
        """What can be done now, and what is so."""
        self._paused = heading.is_paused
        title, icon = ("Play", "play_arrow") if heading.is_paused else ("Pause", "pause")
        if self._play.props["aria-label"] != title:
            self._play.set_icon(icon)
            self._play.props["aria-label"] = title
            self._play.props["title"] = title
        for speed, of in self._speeds.items():
            is_now = heading.speed == speed
            if of.props["aria-pressed"] != str(is_now).lower():
                of.props["aria-pressed"] = str(is_now).lower()
                of.classes(add="ph-now" if is_now else None, remove=None if is_now else "ph-now")
        if heading.is_over != self._over:
            self._over = heading.is_over
            for of in (self._play, self._step, self._steps, self._run, self._stop, *self._speeds.values()):
                of.set_enabled(not heading.is_over)

    def _speed_button(self, speed: str) -> ui.button:
        text = speed if speed == "max" else f"{speed}\N{MULTIPLICATION SIGN}"
        made = button("", f"Speed {speed}", lambda: self._do(lambda session: session.set_speed(speed)), text)
        made.props["aria-pressed"] = "false"
        return made

    async def _play_or_pause(self) -> None:
        await self._do(Session.resume if self._paused else Session.pause)

    async def _run_to(self) -> None:
        time = str(self._until.value or "").strip()
        if not time:
            self._until.error = "Type a time such as 12:06"
            return
        self._until.error = await self._given(lambda session: session.run_until(time))

    async def _ask_to_stop(self) -> None:
        if await confirmed(
            "Stop the session for every program that follows it? What it has can still be read.", "Stop"
        ):
            await self._do(Session.stop)

    async def _on_key(self, event: KeyEventArguments) -> None:
        if (
            not event.action.keydown
            or event.action.repeat
            or self._over
            or event.modifiers.ctrl
            or event.modifiers.meta
        ):
            return
        if event.key == " ":
            await self._play_or_pause()
        elif event.key == "ArrowRight":
            await self._do(lambda session: session.step())

    async def _do(self, act: Callable[[Session], Reply]) -> None:
        self._error.say(await self._given(act) or "")

    async def _given(self, act: Callable[[Session], Reply]) -> str | None:
        """Gives a command. What was wrong with it, `None` where it was carried out."""
        try:
            await with_session(self._name, self._url, act)
        except PlayheadError as error:
            return said(error)
        finally:
            self._hurry()
        return None
