"""The lines that the services log."""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from shared.logs import JSON, FieldsFormatter, FieldsJsonFormatter, SessionLog, configure

MOMENT_S = 1_751_463_000.123  # 2025-07-02T13:30:00.123Z


def record(message: str, *args: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("playhead", logging.INFO, __file__, 1, message, args, None)
    made.created = MOMENT_S
    vars(made).update(fields)
    return made


# What is logged, and the line that comes of it.
LINES = [
    (record("took the lease"), "2025-07-02T13:30:00.123Z INFO coordinator took the lease"),
    (
        record("[DYNAMIC] Loaded %d bars for %s %s", 949, "AAPL", "1m", session="demo", command="c1"),
        "2025-07-02T13:30:00.123Z INFO coordinator [DYNAMIC] Loaded 949 bars for AAPL 1m session=demo command=c1",
    ),
    (
        record("finished", session="demo", command=None),
        "2025-07-02T13:30:00.123Z INFO coordinator finished session=demo",
    ),
]


@pytest.mark.parametrize(("logged", "line"), LINES)
def test_a_line_has_the_time_the_role_and_the_session_and_command_as_fields(
    logged: logging.LogRecord, line: str
) -> None:
    assert FieldsFormatter("coordinator").format(logged) == line


def test_whole_seconds_are_written_with_milliseconds_too() -> None:
    whole = record("tick")
    whole.created = 1_751_463_000.0
    assert FieldsFormatter("worker").format(whole) == "2025-07-02T13:30:00.000Z INFO worker tick"


def test_an_error_is_followed_by_its_trace() -> None:
    failed = record("it failed", session="demo")
    try:
        raise ValueError("of no value")
    except ValueError:
        failed.exc_info = sys.exc_info()
    first, *trace = FieldsFormatter("worker").format(failed).splitlines()
    assert first == "2025-07-02T13:30:00.123Z INFO worker it failed session=demo"
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] == "ValueError: of no value"


def test_the_log_of_a_session_puts_it_on_every_record(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("playhead.test_logs")
    with caplog.at_level(logging.INFO, logger.name):
        SessionLog(logger, "demo").info("one")
        SessionLog(logger, "demo", "c1").warning("two of %d", 2)
    found = [(each.getMessage(), vars(each)["session"], vars(each)["command"]) for each in caplog.records]
    assert found == [("one", "demo", None), ("two of 2", "demo", "c1")]


@pytest.fixture
def untouched_root() -> Iterator[None]:
    """The handlers and hooks of this process, put back afterwards."""
    hooks = sys.excepthook, threading.excepthook
    root, rq = logging.getLogger(), logging.getLogger("rq")
    handlers, level, rq_level = root.handlers[:], root.level, rq.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    rq.setLevel(rq_level)
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks


@pytest.mark.usefixtures("untouched_root")
def test_a_process_logs_to_stderr_and_keeps_the_chatter_of_rq_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure("producer")
    SessionLog(logging.getLogger("producer.publisher"), "demo").info("going on after %s", "1-0")
    logging.getLogger("producer.publisher").debug("not shown")
    logging.getLogger("rq.anything").info("not shown either")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [err.strip()]
    assert err.endswith(" INFO producer going on after 1-0 session=demo\n")


# What is logged, and the object that comes of it beside time, level, role and logger.
OBJECTS: list[tuple[logging.LogRecord, dict[str, str]]] = [
    (record("took the lease"), {"message": "took the lease"}),
    (
        record("[DYNAMIC] Loaded %d bars for %s %s", 949, "AAPL", "1m", session="demo", command="c1"),
        {"message": "[DYNAMIC] Loaded 949 bars for AAPL 1m", "session": "demo", "command": "c1"},
    ),
    (record("finished", session="demo", command=None), {"message": "finished", "session": "demo"}),
    (record("two\nlines, a \u2028 and \udc80"), {"message": "two\nlines, a \u2028 and \udc80"}),
    (record("100 %", other="of a library"), {"message": "100 %"}),
]


@pytest.mark.parametrize(("logged", "rest"), OBJECTS)
def test_in_json_each_line_is_one_object(logged: logging.LogRecord, rest: dict[str, str]) -> None:
    line = FieldsJsonFormatter("coordinator").format(logged)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    head = {
        "time": "2025-07-02T13:30:00.123Z",
        "level": "INFO",
        "role": "coordinator",
        "logger": "playhead",
    }
    assert json.loads(line) == head | rest


def test_in_json_an_error_has_its_trace_as_a_field() -> None:
    failed = record("it failed", session="demo")
    try:
        raise ValueError("of no value")
    except ValueError:
        failed.exc_info = sys.exc_info()
    found = json.loads(FieldsJsonFormatter("worker").format(failed))
    assert found["message"] == "it failed"
    trace = found["exception"].splitlines()
    assert (trace[0], trace[-1]) == ("Traceback (most recent call last):", "ValueError: of no value")


def test_in_json_what_is_logged_as_a_mapping_is_a_text() -> None:
    mapping = record("")
    mapping.msg = {"message": 1, "exc_info": "forged"}
    found = json.loads(FieldsJsonFormatter("worker").format(mapping))
    assert found["message"] == "{'message': 1, 'exc_info': 'forged'}"
    assert "exception" not in found


@pytest.mark.usefixtures("untouched_root")
def test_in_json_lines_of_libraries_warnings_and_uncaught_errors_are_objects_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("worker", form=JSON)
    logging.getLogger("rq.worker").warning("of RQ")
    logging.getLogger("redis").error("of redis-py")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("of pandas", FutureWarning, stacklevel=1)
    thread = threading.Thread(target=lambda: [][0], name="life-1")
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError("of no value"), None)
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each["logger"], each["level"]) for each in found] == [
        ("rq.worker", "WARNING"),
        ("redis", "ERROR"),
        ("py.warnings", "WARNING"),
        ("shared.logs", "ERROR"),
        ("shared.logs", "CRITICAL"),
    ]
    assert "of pandas" in found[2]["message"]
    assert found[3]["message"] == "the thread life-1 ends by an error"
    assert found[3]["exception"].endswith("IndexError: list index out of range")
    assert found[4]["exception"] == "ValueError: of no value"
