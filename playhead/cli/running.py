"""What `playhead up` runs: Redis, the services and one session, from start to Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import shared
from playhead.cli.options import URL_VARIABLE, info_of, need_page
from playhead.cli.output import print_line, print_note
from playhead.cli.services import METRICS_PORT_VARIABLE
from playhead.cli.stopping import Stopped, StopSignals
from playhead.cli.summary import dated_text, trouble_text
from playhead.config import SessionConfig
from playhead.connection import shown_url
from playhead.errors import InvalidInput, PlayheadError, RedisUnavailable, SessionExists, SessionNotFound
from playhead.names import check_session
from playhead.session import Session
from shared.free_port import is_taken
from shared.listening import listen, listen_anywhere
from shared.processes import Processes
from shared.redis_server import LOOPBACK, PortTaken, RedisServer, ServerFailed
from shared.settings import Settings

if TYPE_CHECKING:
    from playhead.info import SessionInfo

SERVICES: Final = {"producer": "producer", "coordinator": "coordinator", "worker": "workers"}
RECORDER: Final = "recorder"
PAGE: Final = "dashboard"
PAGE_SOCKET: Final = "PLAYHEAD_DASHBOARD_FD"
USUAL_PORT: Final = 6379
START_TIMEOUT_S: Final = 30.0
CHECK_S: Final = 0.2
REVIVE_S: Final = 5.0
"""Pause after an embedded Redis could not be started again."""
_ENDED = ("finished", "stopped", "failed")


class Running:
    """One session with all that it needs."""

    def __init__(
        self,
        name: str,
        given: SessionConfig,
        url: str | None,
        port: int | None,
        data_dir: Path | None,
        page_port: int | None,
    ) -> None:
        """Starts nothing. Without `url` it runs a Redis of its own, on `port`, its data in `data_dir`. The web page is
        at `page_port` or another one, and there is none without it.

        Raises `InvalidInput` for settings that the services would refuse.
        """
        self._name = check_session(name)
        Settings.from_environment()  # what is wrong there is said once, and not by each service
        self._given = given
        self._url = url
        self._port = port
        self._data_dir = data_dir
        self._page_port = page_port
        self._shown: tuple[str, str] = ("", "")
        self._there: dict[str, str] = {}
        self._unrecorded: str | None = None
        self._gone = ""
        self._server: RedisServer | None = None
        self._revive_s = 0.0
        self._troubles: dict[str, str] = {}

    def run(self) -> int:
        """Runs until a signal asks for the end. Returns the exit code: 1 if the session failed."""
        with StopSignals() as signals, ExitStack() as stack:
            try:
                session, processes = self._start(stack)
                while not signals.asked:
                    self._revive()
                    for note in processes.check():
                        print_note(note)
                    self._report(session)
                    time.sleep(CHECK_S)
            except Stopped:
                pass
            finally:
                signals.ignore()
                if signals.asked:
                    print_line("stopping")
                stack.close()
        return 1 if self._shown[0] == "failed" else 0

    def _start(self, stack: ExitStack) -> tuple[Session, Processes]:
        if self._url is None:
            self._server = stack.enter_context(self._redis())
            self._url = self._server.url
        print_line(f"redis: {shown_url(self._url)}")
        print_line(f"in another terminal: export {URL_VARIABLE}={shown_url(self._url)}")
        page = self._page(stack)
        environment = self._environment(self._url)
        if page is not None:
            environment[PAGE_SOCKET] = str(page.fileno())
        processes = stack.enter_context(Processes(environment))
        services = SERVICES if self._given.record is None else {**SERVICES, RECORDER: RECORDER}
        for name, module in services.items():
            # -P: a folder or file of this name where the user happens to be is not the service.
            processes.start(name, [sys.executable, "-P", "-m", module])
        if page is not None:
            processes.start(PAGE, [sys.executable, "-P", "-m", PAGE], [page.fileno()])
        session = stack.enter_context(self._session(self._url))
        return session, processes

    def _redis(self) -> RedisServer:
        if self._port is not None:
            return RedisServer.start(port=self._port, directory=self._data_dir)
        if not is_taken(USUAL_PORT, LOOPBACK):
            try:
                return RedisServer.start(port=USUAL_PORT, directory=self._data_dir)
            except PortTaken:
                pass  # by somebody who was faster
        print_line(f"port {USUAL_PORT} is taken by another process; taking a free one")
        return RedisServer.start(directory=self._data_dir)

    def _page(self, stack: ExitStack) -> socket.socket | None:
        """The socket of the web page. It is ours, so that its port stays the same when its process has to be started
        again, and nobody else takes it meanwhile.
        """
        if self._page_port is None:
            return None
        try:
            need_page()
        except PlayheadError as error:
            print_line(f"no web page: {error}")
            return None
        try:
            listening = stack.enter_context(listen(self._page_port, LOOPBACK))
        except PortTaken:
            print_line(f"port {self._page_port} is taken by another process; taking a free one for the web page")
            listening = stack.enter_context(listen_anywhere(LOOPBACK))
        print_line(f"web page: http://{LOOPBACK}:{listening.getsockname()[1]}/session/{self._name}")
        return listening

    def _revive(self) -> None:
        """Starts the embedded Redis again where it has died. What it had is in its append-only file."""
        server = self._server
        if server is None or server.is_running or time.monotonic() < self._revive_s:
            return
        try:
            server.restart()
        except (PortTaken, ServerFailed) as error:
            self._revive_s = time.monotonic() + REVIVE_S
            print_note(f"redis has ended, and cannot be started again: {error}")
        else:
            print_note("redis has ended; it was started again, with what it had")

    def _environment(self, url: str) -> dict[str, str]:
        # The services are found where `shared` was, whether this checkout is installed or not.
        checkout = str(Path(shared.__file__ or "").resolve().parent.parent)
        before = os.environ.get("PYTHONPATH")
        path = f"{checkout}{os.pathsep}{before}" if before else checkout
        return {URL_VARIABLE: url, METRICS_PORT_VARIABLE: "", "PYTHONPATH": path}  # all cannot have the same port

    def _session(self, url: str) -> Session:
        try:
            return Session.start(self._name, self._given, url=url, wait_s=START_TIMEOUT_S)
        except SessionExists:
            session = Session(self._name, url=url)
            if session.config == self._given:
                print_line(f"session {self._name} is there already, started with the same; going on with it")
                return session
            raise InvalidInput(
                f"a session {self._name} is there already and was started with something else; "
                "give another --id, or another --data-dir"
            ) from None

    def _report(self, session: Session) -> None:
        """A line for each change that a person who looks at this terminal would want to know."""
        try:
            info = info_of(session)
        except (RedisUnavailable, SessionNotFound) as error:
            if not self._gone:
                print_note(str(error))
            self._gone = str(error)
            return
        self._gone = ""
        if info.recording_error != self._unrecorded:
            self._unrecorded = info.recording_error
            print_note(f"not recorded: {info.recording_error}" if info.recording_error else "recording goes on")
        self._report_troubles(info)
        if not info.active:
            return
        there = {symbol: of.record.since for symbol, of in info.symbols.items()}
        for symbol in sorted(symbol for symbol, since in self._there.items() if there.get(symbol) != since):
            print_line(f"{dated_text(info.clock_ms, info)} symbol-removed {symbol}")
        for symbol, of in sorted(info.symbols.items()):
            if of.record.dynamic and self._there.get(symbol) != there[symbol]:
                print_line(f"{dated_text(info.clock_ms, info)} symbol-added {symbol}")
        self._there = there
        shown = (info.status, ", ".join(info.holds))
        if shown != self._shown:
            self._shown = shown
            print_line(_state_line(info))

    def _report_troubles(self, info: SessionInfo) -> None:
        found = {trouble.role: trouble for trouble in info.troubles}
        for role in sorted(self._troubles.keys() - found.keys()):
            print_note(f"{role} goes on")
        for role, trouble in found.items():
            if self._troubles.get(role) != trouble.reason:
                print_note(trouble_text(trouble))
        self._troubles = {role: trouble.reason for role, trouble in found.items()}


def _state_line(info: SessionInfo) -> str:
    clock = dated_text(info.clock_ms, info) or "--:--"
    if info.status not in _ENDED:
        holds = f" (holds: {', '.join(info.holds)})" if info.holds else ""
        return f"{clock} session {info.name} {info.status}{holds}"
    counted = sum(bars.bars for of in info.symbols.values() for bars in of.intervals.values())
    reason = f": {info.error}" if info.error else ""
    return (
        f"{clock} session {info.name} {info.status}{reason}: {len(info.symbols)} symbols, {counted} bars; "
        "readable until Ctrl-C"
    )
