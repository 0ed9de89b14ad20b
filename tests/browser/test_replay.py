"""A session replayed from its page, in a real browser."""

from __future__ import annotations

import time

from playhead.session import Session
from tests.browser.pages import Browser, Shown, Site
from tests.support.system import (
    CLOSE_MS,
    DAY,
    NOON_MS,
    TIMEOUT_S,
    Gate,
    System,
    info_of,
    recorded,
    run_on_at_noon,
    wait_for,
)
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.waiting import wait_until


def test_a_session_is_started_from_the_form_and_its_errors_stand_there(system: System, browser: Browser) -> None:
    page = browser.open()
    page.field("Name").fill(system.name)
    page.type("Symbols", "RIVN")
    page.until(lambda: "is not a date" in page.text("form-error"), "what is wrong with no date")
    page.field("Date").fill("2025-07-04")
    page.press("Start")
    page.until(lambda: "no session on 2025-07-04" in page.text("form-error"), "the holiday to be refused")
    page.field("Speed").fill("max")
    page.field("Run until").fill("10:00")
    page.type("Date", DAY)
    page.page.wait_for_url(f"**/session/{system.name}**")
    page.until(lambda: page.text("clock") == "10:00:00" and page.text("status") == "paused", "10:00")
    assert system.client.hget(system.keys().state, "status") == b"paused"
    page.page.goto(page.page.url.partition("/session/")[0])
    page.until(lambda: any(row[0] == system.name for row in page.rows("Sessions")), "the session in the list")
    (row,) = (row for row in page.rows("Sessions") if row[0] == system.name)
    assert row[1:] == ["paused", DAY, "10:00", "user", "RIVN"]
    page.page.get_by_role("link", name=system.name).click()
    page.until(lambda: page.bars > 0, "its chart")


def test_the_clock_is_played_paused_stepped_sped_up_run_to_a_time_and_stopped(system: System, browser: Browser) -> None:
    session = system.start("RIVN", run_until="10:00")
    page = browser.session(system.name)
    before = page.bars
    page.press("Step")
    page.until(lambda: page.text("clock") == "10:01:00", "a step")
    page.press("Step 10 ticks")
    page.until(lambda: page.text("clock") >= "10:11:00" and page.text("status") == "paused", "ten steps")
    page.until(lambda: page.bars > before + 8, "the chart to grow")
    page.press("Speed 600")
    page.until(lambda: page.page.locator(".ph-speeds .ph-now").inner_text().startswith("600"), "the speed to be shown")
    assert info_of(session).speed == "600"
    shown = page.bars
    page.press("Play")
    page.until(lambda: page.bars > shown + 10, "the chart to grow with the clock")
    page.press("Pause")
    page.until(lambda: page.text("status") == "paused", "a pause")
    assert info_of(session).holds == ("user",)
    page.until(lambda: any("paused by hand, since " in row[1] for row in page.rows("Holds")), "who holds it")
    page.type("Run to", "09:31")
    page.until(lambda: "is not after that" in page.error_at("Run to"), "the error at the field")
    page.press("Speed max")
    page.type("Run to", "15:00")
    page.until(lambda: page.text("clock") == "15:00:00" and page.text("status") == "paused", "15:00")
    page.until(lambda: int(page.chart["last"]) == OPEN_MS + 329 * MINUTE_MS, "the bar of 14:59")
    page.press("Stop the session")
    page.press("Stop")
    page.until(lambda: page.text("status") == "stopped", "the end")
    assert not page.page.get_by_role("button", name="Play", exact=True).is_enabled()
    done = [row[1] for row in reversed(page.rows("Journal"))]
    assert done[:5] == ["step 1", "step 10", "speed 600", "resume", "pause"], done


def test_the_keys_that_a_replay_has_elsewhere_do_the_same_here_and_not_where_something_is_typed(
    system: System, browser: Browser
) -> None:
    session = system.start("RIVN", run_until="10:00")
    session.set_speed(60)
    page = browser.session(system.name)
    keyboard = page.page.keyboard
    keyboard.press("ArrowRight")
    page.until(lambda: page.text("clock") == "10:01:00" and page.text("status") == "paused", "a step")
    keyboard.press("Space")
    page.until(lambda: page.text("status") == "running", "the clock to run")
    keyboard.press("Space")
    page.until(lambda: page.text("status") == "paused", "the clock to stand")
    clock = page.text("clock")
    page.field("Add symbols").focus()
    keyboard.type(" a b ")
    keyboard.press("ArrowRight")
    page.press("Step")
    page.until(lambda: page.text("clock") != clock, "the one step that was asked for")
    wait_until(lambda: "step 1" in page.rows("Journal")[0][1], TIMEOUT_S, "the step in the journal")
    assert [row[1] for row in reversed(page.rows("Journal"))][1:] == ["step 1", "resume", "pause", "step 1"]


def test_an_added_symbol_is_there_with_its_whole_history_at_once_and_never_with_a_part_of_it(
    system: System, browser: Browser, gate: Gate
) -> None:
    system.start("RIVN")
    page = browser.session(system.name)
    others = {"RIVN": page.symbols()["RIVN"]}
    page.page.evaluate(SAMPLE)
    page.press("Source and calendar")
    page.field("Source").fill(gate.uri)
    page.type("Add symbols", "aapl, msft")
    gate.entered()
    page.until(lambda: page.text("status") == "catching up", "that it is being caught up")
    assert page.page.locator(".ph-veiled").count() == 1
    assert page.symbols() == others, "what was there is kept"
    gate.open()
    page.until(lambda: "AAPL" in page.symbols(), "the symbols")
    page.page.get_by_role("cell", name="AAPL", exact=True).click()
    page.until(lambda: page.chart["symbol"] == "AAPL", "the chart of AAPL")
    samples = page.page.evaluate("() => window.samples")
    assert len(samples) > 2
    there = {symbol: str(len(recorded(symbol, until_ms=NOON_MS))) for symbol in ("AAPL", "MSFT")}
    whole = others | {symbol: ["added 12:06", bars, "09:30", "12:06"] for symbol, bars in there.items()}
    for tables, chart in samples:
        assert tables in (others, whole)
        assert chart["symbol"] == "RIVN" or (chart["bars"], chart["caught"]) == ("156", "156"), chart
    assert page.page.locator(".ph-veiled").count() == 0
    page.until(lambda: page.page.locator(".ph-pauses").get_attribute("data-count") == "1", "the pause in the plot")
    page.page.get_by_role("button", name="Receipt of AAPL").click()
    receipt = page.page.locator(".ph-receipt")
    receipt.get_by_text("156 closed by then").wait_for()
    assert "208 pre + 158 post" in receipt.inner_text()
    page.press("Close")
    page.press("Step")
    page.until(lambda: page.bars == 157, "the first bar that came as a tick")
    assert page.chart["caught"] == "156", "the part that it was caught up with is told apart"


# Looks at the page as often as it is drawn: the table of symbols, and the chart.
SAMPLE = """() => {
  window.samples = [];
  let last = "";
  const look = () => {
    const rows = [...document.querySelectorAll('[aria-label="Symbols"] tbody tr')].map(
      row => [...row.querySelectorAll("td:not(.act)")].map(cell => cell.innerText));
    const chart = document.querySelector(".ph-chart").dataset;
    const sample = [Object.fromEntries(rows.map(([symbol, ...of]) => [symbol, of])), {...chart}];
    if (JSON.stringify(sample) !== last) { last = JSON.stringify(sample); window.samples.push(sample); }
    requestAnimationFrame(look);
  };
  look();
}"""


def test_what_cannot_be_added_is_said_at_the_field_and_a_symbol_can_be_removed(
    system: System, browser: Browser
) -> None:
    session = system.start("RIVN")
    page = browser.session(system.name)
    page.type("Add symbols", "a/b")
    page.until(lambda: "is not 1 to 32 of the characters" in page.error_at("Add symbols"), "a bad name to be refused")
    page.type("Add symbols", "AAPL, NODATA1")
    page.until(lambda: "has no 1m bars of NODATA1" in page.error_at("Add symbols"), "what has no data to be refused")
    page.until(lambda: sorted(page.symbols()) == ["AAPL", "RIVN"], "the other one to be there")
    assert page.field("Add symbols").input_value() == "NODATA1"
    page.page.get_by_role("button", name="Remove AAPL").click()
    page.press("Remove")
    page.until(lambda: sorted(page.symbols()) == ["RIVN"], "it to be gone")
    assert session.symbols() == ("RIVN",)
    assert "add-symbol AAPL,NODATA1" in [row[1] for row in page.rows("Journal")]


def test_two_browsers_agree_on_one_session(system: System, browser: Browser) -> None:
    session = system.start("RIVN", "AAPL", run_until="10:00")
    session.set_speed(600)
    one, two = (browser.session(system.name, symbol="AAPL") for _ in range(2))
    one.press("Play")
    two.until(lambda: two.text("clock") > "10:10:00", "the other one to go on")
    two.press("Pause")
    wait_for(session, "paused")

    def state(page: Shown) -> object:
        chart = {name: page.chart[name] for name in ("symbol", "bars", "last", "close")}
        return page.text("clock"), page.text("status"), page.symbols(), chart

    one.until(lambda: one.text("status") == two.text("status") == "paused", "both to show the pause")
    one.until(lambda: state(one) == state(two), "both to show the same")


def test_consumers_are_shown_with_their_lag_and_workers_with_their_queue(system: System, browser: Browser) -> None:
    session = system.start("RIVN", run_until="10:00")
    with Session(system.name, system.url) as late, late.subscribe("late") as messages:
        next(messages)
        messages.acknowledge()
        page = browser.session(system.name)
        first = (next(iter(messages)).clock_ms - OPEN_MS) // MINUTE_MS
        assert first >= 1
        page.until(lambda: page.rows("Consumers")[:1] and page.rows("Consumers")[0][0] == "late", "the consumer")
        assert page.rows("Consumers")[0][2:] == ["30 min", "alive"]
    page.until(lambda: page.rows("Consumers")[0][3] == "left", "that it has left")
    assert len(page.rows("Workers")) >= 2
    assert page.text("queue") == "queue empty"
    assert info_of(session).symbols.keys() == {"RIVN"}


def test_at_full_speed_it_draws_ten_times_a_second_at_most_and_the_session_does_not_wait_for_it(
    system: System, browser: Browser
) -> None:
    system.start("RIVN", "AAPL", run_until="09:31")
    page = browser.session(system.name, symbol="RIVN")
    before, begun_s = int(page.chart["draws"]), time.monotonic()
    page.press("Play")
    page.until(lambda: page.text("status") == "finished" and page.bars > 370, "the whole day")
    took_s = time.monotonic() - begun_s
    assert int(page.chart["draws"]) - before <= 10 * took_s + 1
    assert int(page.chart["last"]) == CLOSE_MS - MINUTE_MS
    assert system.client.hlen(system.keys().consumers) == 0, "it is nobody's consumer"


def test_a_page_goes_on_by_itself_when_its_server_is_started_again(
    system: System, browser: Browser, own_site: Site
) -> None:
    session = system.start("RIVN", "AAPL")
    with own_site:
        own_site.wait_ready()
        page = browser.open(f"/session/{system.name}?symbol=RIVN", url=own_site.url)
        page.until(lambda: page.bars > 100, "the chart")
        own_site.stop()
        session.step(3)
        wait_until(lambda: session.clock() == NOON_MS + 3 * MINUTE_MS, TIMEOUT_S, "three steps")
        own_site.start()
        page.until(lambda: page.text("clock") == "12:09:00" and page.bars > 100, "the page to go on")
        assert page.chart["symbol"] == "RIVN", "with the symbol that was chosen"
        run_on_at_noon(session)
        page.until(lambda: page.text("status") == "running", "the clock to run")
