"""The chaos run in small, and its checker: what it has to notice, it notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from playhead.commands import AddSymbol, RemoveSymbol, Reply
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.keys import Keys
from playhead.session import Session
from tests.faults.chaos.comparison import differences
from tests.faults.chaos.consumer import seen
from tests.faults.chaos.evidence import Evidence, gathered
from tests.faults.chaos.plan import ALL_KINDS, planned
from tests.faults.chaos.run import Goal, Run
from tests.faults.chaos.undisturbed import READER, undisturbed
from tests.support.in_process import InProcess

DAY: Final = date(2025, 7, 2)
CONSUMER: Final = "consumer"
SEED: Final = 20_250_702
Sent = Mapping[str, Mapping[str, str] | None]


def without_a_run_of_bars(client: redis.Redis, keys: Keys) -> None:
    """Loses some bars of session data in the second round."""
    if keys.session == "chaos-1":
        bars = min(text(key) for key in client.scan_iter(f"{keys.state}:bars:*"))
        client.hdel(bars, *client.hkeys(bars)[:1])


@pytest.mark.timeout(300)
def test_rounds_under_faults_equal_undisturbed_ones_and_bars_that_are_lost_are_noticed(tmp_path: Path) -> None:
    result = Run(Goal(SEED, rounds=2, seconds=None, lanes=2), tmp_path, lambda _: None, without_a_run_of_bars).play()
    assert result.rounds == 1
    (failure,) = result.failures
    assert failure.outcome.session == "chaos-1"
    assert any(each.startswith("the session data bars:") for each in failure.differences), failure.differences
    assert (tmp_path / "chaos-1.json").exists()


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert planned(7) == planned(7)
    assert planned(7) != planned(8)
    assert {fault.kind for seed in range(200) for fault in planned(seed).faults} == ALL_KINDS
    assert not any(planned(seed, frozenset()).faults for seed in range(20))


@pytest.fixture
def played(redis_url: str, session_name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Evidence, Sent]:
    """A session in which symbols came and went, with the transcript of one consumer."""
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    symbols = (SymbolConfig("AAPL"), SymbolConfig("MSFT"))
    config = SessionConfig(symbols, DAY, DAY, "sample:", interval="15m", run_until="12:00")
    session = InProcess(redis_url, f"{session_name}-a", config)
    try:
        session.run(lambda: session.client.scard(session.keys.holds) == 1, "the stop")
        commands = (AddSymbol(("NVDA", "UNKNOWN1")), RemoveSymbol(("MSFT",)))
        replies: list[Reply] = [session.send(command) for command in commands]
        session.finish()
        session.run(lambda: bool(session.client.hexists(session.keys.digests, "clock_ms")), "the digests")
        with Session(session.keys.session, redis_url) as reader, reader.subscribe(from_start=True) as items:
            transcript = [seen(reader, item) for item in items]
        evidence = gathered(session.client, session.keys, {CONSUMER: transcript})
    finally:
        session.close()
    return evidence, {reply.id: {"entry": reply.entry, "status": reply.status} for reply in replies}


def other_bar(evidence: Evidence) -> None:
    evidence.transcripts[CONSUMER][4]["bars"]["AAPL"][1] += 0.01


def other_view(evidence: Evidence) -> None:
    evidence.transcripts[CONSUMER][4]["see"]["AAPL 15m"][0] -= 1


def lost_item(evidence: Evidence) -> None:
    transcript: Any = evidence.transcripts[CONSUMER]
    del transcript[4]


def later_event(evidence: Evidence) -> None:
    transcript: Any = evidence.transcripts[CONSUMER]
    at = next(at for at, item in enumerate(transcript) if item["type"] == "symbol-added")
    transcript.insert(at + 2, transcript.pop(at))


def equal_repetition(evidence: Evidence) -> None:
    transcript: Any = evidence.transcripts[CONSUMER]
    transcript[6:6] = transcript[3:6]


def unequal_repetition(evidence: Evidence) -> None:
    equal_repetition(evidence)
    transcript: Any = evidence.transcripts[CONSUMER]
    transcript[6] = transcript[6] | {"clock_ms": 0}


def other_session_data(evidence: Evidence) -> None:
    data: Any = evidence.data
    data[min(data)] = "another"


def other_receipt(evidence: Evidence) -> None:
    symbols: Any = evidence.symbols
    symbols["NVDA"]["receipt"]["written"] += 1


def second_outcome(evidence: Evidence) -> None:
    replies: Any = next(iter(evidence.replies.values()))
    replies.append(replies[0] | {"status": "rejected"})


def no_outcome(evidence: Evidence) -> None:
    replies: Any = evidence.replies
    replies.clear()


PLANTED: Final[dict[str, tuple[Callable[[Evidence], None], str]]] = {
    "another bar": (other_bar, "with other bars than it was"),
    "a bar that is not seen": (other_view, "with other see than it was"),
    "an item that was lost": (lost_item, "than it was"),
    "an event at another place": (later_event, "came after a later one"),
    "an unequal repetition": (unequal_repetition, "was handed out again as another item"),
    "other session data": (other_session_data, "the session data bars:"),
    "another receipt": (other_receipt, "symbol NVDA is"),
    "a second outcome": (second_outcome, "has 2 outcomes"),
    "no outcome": (no_outcome, "has 0 outcomes"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_difference_is_noticed_and_without_one_there_is_none(
    played: tuple[Evidence, Sent], redis_url: str, session_name: str, planted: str
) -> None:
    evidence, sent = played
    again = undisturbed(redis_url, f"{session_name}-b", evidence.journal)
    assert list(again.transcripts) == [READER]
    assert differences(evidence, again, sent, CONSUMER) == []
    plant, said = PLANTED[planted]
    plant(evidence)
    found = differences(evidence, again, sent, CONSUMER)
    assert any(said in each for each in found), found


def test_what_comes_twice_is_a_difference_only_to_who_wants_it_exactly_once(
    played: tuple[Evidence, Sent], redis_url: str, session_name: str
) -> None:
    evidence, sent = played
    again = undisturbed(redis_url, f"{session_name}-b", evidence.journal)
    equal_repetition(evidence)
    assert differences(evidence, again, sent, "another") == []
    (found,) = differences(evidence, again, sent, CONSUMER)
    assert "twice, and each should be there exactly once" in found


@pytest.mark.parametrize(
    ("name", "said"), [("bars:OLD:15m:2025-07-02", "left behind"), ("staged:x:feed", "staged for ever")]
)
def test_a_key_that_stays_is_noticed(
    played: tuple[Evidence, Sent], redis_url: str, session_name: str, name: str, said: str
) -> None:
    evidence, sent = played
    again = undisturbed(redis_url, f"{session_name}-b", evidence.journal)
    more = replace(evidence, keys=(*evidence.keys, name), lasting=(*evidence.lasting, name))
    (found,) = differences(more, again, sent, CONSUMER)
    assert said in found
