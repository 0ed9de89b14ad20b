"""The child processes of `playhead up`: started again, stopped, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playhead.cli.stopping import Stopped, StopSignals
from shared import processes as module
from shared.processes import Processes
from tests.support.waiting import wait_until

SLEEP = "import time, pathlib, os, sys; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
PARENT = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
import time; time.sleep(60)
"""


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 0.05)
    with Processes({"PLAYHEAD_TEST": "1"}) as running:
        yield running


def pid_in(file: Path) -> int:
    wait_until(lambda: file.exists() and file.read_text(), what=f"a process id in {file}")
    return int(file.read_text())


def checked(children: Processes, said: list[str]) -> list[str]:
    said += children.check()
    return said


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or ") Z " not in Path(f"/proc/{pid}/stat").read_text()


def test_a_child_that_dies_is_said_and_started_again(children: Processes, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    children.start("worker", [sys.executable, "-c", SLEEP, str(file)])
    first = pid_in(file)
    file.unlink()
    os.kill(first, signal.SIGKILL)
    said: list[str] = []
    wait_until(lambda: checked(children, said) and file.exists(), what="a second child")
    assert said[0].startswith("worker was killed by SIGKILL; it is started again in ")
    assert said[1] == "worker started again"
    assert pid_in(file) != first


def test_a_child_that_keeps_dying_is_started_less_and_less_often(children: Processes) -> None:
    children.start("worker", [sys.executable, "-S", "-c", "raise SystemExit(3)"])
    said: list[str] = []
    wait_until(lambda: len(checked(children, said)) >= 5, what="three deaths")
    pauses = [float(note.rpartition(" in ")[2].split()[0]) for note in said[::2]]
    assert said[0].startswith("worker ended with 3")
    assert pauses == sorted(set(pauses))


def test_stopping_leaves_nothing_behind(children: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.2)
    mild, stubborn, grandchild = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    children.start("mild", [sys.executable, "-c", SLEEP, str(mild)])
    children.start("stubborn", [sys.executable, "-c", STUBBORN, str(stubborn)])
    children.start("parent", [sys.executable, "-c", PARENT, SLEEP, str(grandchild)])
    pids = [pid_in(file) for file in (mild, stubborn, grandchild)]
    children.stop()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), what="the end of all")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    program = f"""
import sys, time
from shared.processes import Processes
Processes({{}}).start("child", [sys.executable, "-c", {SLEEP!r}, {str(file)!r}])
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        child = pid_in(file)
        parent.kill()
    wait_until(lambda: not is_alive(child), what="the end of the child")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_for_the_end_even_where_it_was_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL if number is signal.SIGHUP else signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            with pytest.raises(Stopped):
                signal.raise_signal(number)
            signal.raise_signal(number)  # a second one does not disturb the clean-up
            assert signals.asked
        assert signal.getsignal(number) in (signal.SIG_IGN, signal.SIG_DFL)
    finally:
        signal.signal(number, before)


def test_signals_that_come_during_the_clean_up_change_nothing() -> None:
    with StopSignals() as signals:
        signals.ignore()
        signal.raise_signal(signal.SIGTERM)
    assert not signals.asked
