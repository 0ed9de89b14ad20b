"""A session that cannot be served for a reason that somebody must mend: said once, tried again, and gone on with."""

from __future__ import annotations

from playhead.commands import Resume
from playhead.trouble import read_troubles
from tests.support.system import TIMEOUT_S, System, play_to_the_end
from tests.support.waiting import wait_until


def test_a_key_that_a_hand_has_spoiled_holds_its_session_up_and_no_other_until_it_is_mended(system: System) -> None:
    session, other = system.start("RIVN"), system.start("MSFT", name=f"{system.name}-2")
    keys = system.keys()
    system.client.set(keys.removed, "not a hash")
    session.send(Resume(), timeout_s=TIMEOUT_S)
    wait_until(lambda: read_troubles(system.client, keys), TIMEOUT_S, "the trouble to be said")
    (trouble,) = read_troubles(system.client, keys)
    assert trouble.role == "coordinator"
    assert "WRONGTYPE" in trouble.reason
    assert trouble.since_ms is not None
    play_to_the_end(other)
    tokens = set()

    def tried() -> int:
        tokens.add(system.client.hget(keys.state, "coordinator_token"))
        return len(tokens)

    wait_until(lambda: tried() == 3, TIMEOUT_S, "it to be tried again")
    assert read_troubles(system.client, keys) == (trouble,)
    log = system.log_text()
    assert log.count("serving the session failed; it is taken up again") == 1
    assert log.count("Traceback") == 1 + log.count("direct cause of the following exception")
    system.client.delete(keys.removed)
    play_to_the_end(session)
    wait_until(lambda: not read_troubles(system.client, keys), TIMEOUT_S, "no more trouble")
    assert "the session goes on" in system.log_text()
