"""Playhead replays recorded market bars over Redis to any number of consumers, on one clock.

    from playhead import Session

    with Session("demo") as session, session.subscribe("my-analysis") as ticks:
        for tick in ticks:
            print(tick.clock_ms, len(session.bars("AAPL")))

What stands here is the public interface. It is loaded when it is first used: a program that only gives
commands does not wait for numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playhead.async_subscription import AsyncSubscription
    from playhead.bars import Bar, Bars
    from playhead.commands import Reply
    from playhead.config import SessionConfig, SymbolConfig
    from playhead.consumers import ConsumerInfo
    from playhead.errors import (
        CommandRejected,
        CommandTimeout,
        ConsumerFellBehind,
        ConsumerNameTaken,
        HistoryLost,
        InvalidInput,
        Malformed,
        PlayheadError,
        RedisUnavailable,
        SessionExists,
        SessionFailed,
        SessionNotFound,
        UnknownSymbol,
    )
    from playhead.frames import PackageMissing
    from playhead.info import IntervalInfo, ScheduledInfo, SessionInfo, SymbolInfo
    from playhead.journal import Journal
    from playhead.messages import (
        ConsumerDropped,
        DayOpened,
        Event,
        Group,
        SessionFailure,
        SessionFinished,
        SessionStopped,
        SymbolAdded,
        SymbolRemoved,
        Tick,
    )
    from playhead.operations import OperationInfo
    from playhead.progress import Progress
    from playhead.session import Session
    from playhead.subscription import Subscription
    from playhead.symbols import SymbolRecord

    __version__: str

_MODULES = {
    "async_subscription": ("AsyncSubscription",),
    "bars": ("Bar", "Bars"),
    "commands": ("Reply",),
    "config": ("SessionConfig", "SymbolConfig"),
    "consumers": ("ConsumerInfo",),
    "errors": (
        "CommandRejected",
        "CommandTimeout",
        "ConsumerFellBehind",
        "ConsumerNameTaken",
        "HistoryLost",
        "InvalidInput",
        "Malformed",
        "PlayheadError",
        "RedisUnavailable",
        "SessionExists",
        "SessionFailed",
        "SessionNotFound",
        "UnknownSymbol",
    ),
    "frames": ("PackageMissing",),
    "info": ("IntervalInfo", "ScheduledInfo", "SessionInfo", "SymbolInfo"),
    "journal": ("Journal",),
    "messages": (
        "ConsumerDropped",
        "DayOpened",
        "Event",
        "Group",
        "SessionFailure",
        "SessionFinished",
        "SessionStopped",
        "SymbolAdded",
        "SymbolRemoved",
        "Tick",
    ),
    "operations": ("OperationInfo",),
    "progress": ("Progress",),
    "session": ("Session",),
    "subscription": ("Subscription",),
    "symbols": ("SymbolRecord",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AsyncSubscription",
    "Bar",
    "Bars",
    "CommandRejected",
    "CommandTimeout",
    "ConsumerDropped",
    "ConsumerFellBehind",
    "ConsumerInfo",
    "ConsumerNameTaken",
    "DayOpened",
    "Event",
    "Group",
    "HistoryLost",
    "IntervalInfo",
    "InvalidInput",
    "Journal",
    "Malformed",
    "OperationInfo",
    "PackageMissing",
    "PlayheadError",
    "Progress",
    "RedisUnavailable",
    "Reply",
    "ScheduledInfo",
    "Session",
    "SessionConfig",
    "SessionExists",
    "SessionFailed",
    "SessionFailure",
    "SessionFinished",
    "SessionInfo",
    "SessionNotFound",
    "SessionStopped",
    "Subscription",
    "SymbolAdded",
    "SymbolConfig",
    "SymbolInfo",
    "SymbolRecord",
    "SymbolRemoved",
    "Tick",
    "UnknownSymbol",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            value: Any = version("playhead")
        except PackageNotFoundError:  # a checkout that is on the path and was not installed
            value = "unknown"
    elif name in _PLACES:
        value = getattr(import_module(f"playhead.{_PLACES[name]}"), name)
    else:
        raise AttributeError(f"module 'playhead' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
