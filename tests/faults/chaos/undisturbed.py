"""The undisturbed run: a session that repeats a journal, in this process, on a server that nobody touches."""

from __future__ import annotations

import os
from collections.abc import Sequence

from playhead import Session
from playhead.connection import URL_VARIABLE
from playhead.journal import parse
from playhead.repetition import repeated
from shared.sources import registry
from shared.sources.sample import SampleSource
from tests.faults.chaos.consumer import seen
from tests.faults.chaos.evidence import Evidence, gathered
from tests.support.in_process import InProcess

READER = "undisturbed"


class AtOnce(SampleSource):
    """What `slow:` gives, at once."""

    def __init__(self, uri: str) -> None:
        super().__init__("sample:")
        self.uri = uri


def prepare(url: str) -> None:
    """Makes this process one that runs sessions of the chaos run on that server."""
    os.environ[URL_VARIABLE] = url
    registry._BUILT_IN["slow"] = f"{__name__}:{AtOnce.__name__}"


def undisturbed(url: str, name: str, journal: Sequence[str]) -> Evidence:
    """What is there after a run of the journal under this name, and what a consumer sees of it. Leaves nothing."""
    session = InProcess(url, name, repeated(parse(journal, name)))
    try:
        session.run(lambda: bool(session.client.hexists(session.keys.digests, "clock_ms")), "the end and the digests")
        with Session(session.keys.session, url) as reader, reader.subscribe(from_start=True) as items:
            transcript = [seen(reader, item) for item in items]
        return gathered(session.client, session.keys, {READER: transcript})
    finally:
        session.close()
