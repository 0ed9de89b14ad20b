"""A Redis server of one's own: started on a free port, stopped, killed, started again.

For the demo, the tests, the benchmarks and a laptop without Redis. A server that others depend on is
run by whoever runs the machine, not by this.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from playhead.errors import PlayheadError
from shared.free_port import PortTaken, address_of, free_port, is_taken
from shared.server_binary import ServerBinary, ServerMissing, find_server

__all__ = ["PortTaken", "RedisServer", "ServerBinary", "ServerFailed", "ServerMissing", "find_server"]

LOOPBACK = "127.0.0.1"

START_TIMEOUT_S = 30.0  # also covers loading the append-only file of a restarted server
STOP_TIMEOUT_S = 10.0
PROBE_TIMEOUT_S = 2.0
POLL_S = 0.01
PORT_ATTEMPTS = 20
LOG_TAIL_BYTES = 4_096

FOR_BARS: Final = {
    "rdbcompression": "no",  # packed numbers hardly shrink; to try takes longer than all else of a rewrite
    "auto-aof-rewrite-min-size": "512mb",  # at 64 a fast replay would rewrite its file all the time
    "hash-max-listpack-value": "32",  # to find the place of a bar in a list takes longer than to write it
}
"""Settings that suit what Playhead keeps. `docker-compose.yml` has them too."""

_LOG_FILE = "server.log"

# Asks the kernel to kill this process with its parent, and then becomes the server. Done in a process between
# rather than in `preexec_fn`, which can deadlock a parent that has threads. A parent that was gone before
# the request was made is seen by the changed parent id.
DIE_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that started this server has ended")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerFailed(PlayheadError):
    """The server ended, or did not answer in time; the text has the end of its log."""


class RedisServer:
    """A running server, stopped at the end of a `with` block.

    On Linux it also dies with the process that started it, however that ends. The kernel ties it to the
    *thread* that called `start` or `restart`: call them from a thread that lives as long as the server is
    needed. The server is in a session of its own, so a Ctrl-C at the terminal does not reach it: its parent
    stops it last.
    """

    def __init__(self, binary: ServerBinary, options: dict[str, str], directory: Path, owns: bool) -> None:
        """Starts nothing; use `RedisServer.start`. `owns`: the directory goes when the server stops."""
        self._binary = binary
        self._options = options
        self._directory = directory
        self._owns = owns
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        port: int | None = None,
        directory: Path | None = None,
        appendonly: bool = True,
        appendfsync: Literal["always", "everysec", "no"] = "everysec",
        bind: str = LOOPBACK,
    ) -> Self:
        """A server that answers. Without `port` it takes a free one, without `directory` a temporary one that
        goes when it stops; a directory that is given is made if need be, and kept. `bind` is an IP address.

        Raises `PortTaken`, `ServerMissing`, `ServerFailed`, and `InvalidInput` for a bad port or address.
        """
        address_of(bind)
        binary = find_server()
        place = Path(tempfile.mkdtemp(prefix="playhead-redis-")) if directory is None else directory.absolute()
        options = {
            "bind": bind,
            "dir": str(place),
            "save": "",
            "loglevel": "warning",
            "daemonize": "no",
            "appendonly": "yes" if appendonly else "no",
            "appendfsync": appendfsync,
            **FOR_BARS,
        }
        server = cls(binary, options, place, owns=directory is None)
        try:
            place.mkdir(parents=True, exist_ok=True)
            server._launch_on(port)
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def url(self) -> str:
        """How clients on this machine reach the server, database 0."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"redis://{host}:{self.port}/0"

    @property
    def port(self) -> int:
        """The port, the same after every restart."""
        return int(self._options["port"])

    @property
    def pid(self) -> int:
        """The server's process id, new after each restart. Raises `ServerFailed` when it has been ended."""
        if self._process is None:
            raise ServerFailed(f"the server of port {self.port} is not running; restart it first")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended since, by whatever hand."""
        return self._process is not None and self._process.poll() is None

    @property
    def directory(self) -> Path:
        """Where the server keeps its append-only file and its log."""
        return self._directory

    @property
    def binary(self) -> ServerBinary:
        """The program that runs."""
        return self._binary

    def stop(self) -> None:
        """Ends the server in an orderly way, or by force when that takes too long, and removes the temporary
        directory. Does nothing when it was stopped already.
        """
        self._end(signal.SIGTERM)
        if self._owns:
            shutil.rmtree(self._directory, ignore_errors=True)

    def kill(self) -> None:
        """Ends the server at once, as `kill -9` does; its directory stays, for `restart`."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Starts the server again on the same port and directory; one that still runs is first ended in an
        orderly way.

        Raises `PortTaken`, and `ServerFailed` when it does not answer or its temporary directory is gone.
        """
        self._end(signal.SIGTERM)
        if not self._directory.is_dir():
            raise ServerFailed(f"{self._directory} is gone with the server that was stopped; start a new one")
        self._launch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _host(self) -> str:
        bind = address_of(self._options["bind"])
        if not bind.is_unspecified:
            return str(bind)
        return LOOPBACK if bind.version == 4 else "::1"

    def _launch_on(self, port: int | None) -> None:
        if port is not None:
            self._options["port"] = str(port)
            self._launch()
            return
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self._options["port"] = str(free_port(self._options["bind"]))
            try:
                self._launch()
            except PortTaken:  # by somebody who was faster
                if attempt == PORT_ATTEMPTS:
                    raise
            else:
                return

    def _launch(self) -> None:
        if is_taken(self.port, self._options["bind"]):
            raise PortTaken(self.port, self._options["bind"])
        command = [str(self._binary.path)]
        for name, value in self._options.items():
            command += [f"--{name}", value]
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]
        with (self._directory / _LOG_FILE).open("ab") as log:
            log_start = log.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_answer(self._process, log_start)
        except BaseException:
            self._end(signal.SIGKILL)
            raise

    def _await_answer(self, process: subprocess.Popen[bytes], log_start: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers(process.pid):
            code = process.poll()
            if code is not None:
                tail = self._log_tail(log_start)
                if "Address already in use" in tail:
                    raise PortTaken(self.port, self._options["bind"])
                raise ServerFailed(f"{self._binary.path} ended with {code} before it answered:\n{tail}")
            if time.monotonic() > deadline:
                raise ServerFailed(
                    f"{self._binary.path} did not answer on port {self.port} within {START_TIMEOUT_S:g} s:\n"
                    + self._log_tail(log_start)
                )
            time.sleep(POLL_S)

    def _answers(self, pid: int) -> bool:
        """Whether this very process answers: another server may sit on the port that it failed to get."""
        with redis.Redis(
            host=self._host,
            port=self.port,
            socket_timeout=PROBE_TIMEOUT_S,
            socket_connect_timeout=PROBE_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            try:
                return bool(client.ping()) and int(client.info("server")["process_id"]) == pid
            except (redis.RedisError, OSError):
                return False  # not listening yet, still loading, or not even a Redis server

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(with_signal)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)

    def _log_tail(self, log_start: int) -> str:
        with (self._directory / _LOG_FILE).open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(log_start, end - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip() or "(its log is empty)"
