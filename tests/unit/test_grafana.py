"""The dashboard for Grafana as a file. That its metrics exist is asked of running services."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pytest

from tests.support.services import REPOSITORY

BOARD: Mapping[str, Any] = json.loads((REPOSITORY / "docs" / "grafana.json").read_text("utf-8"))
PANELS: list[Mapping[str, Any]] = BOARD["panels"]
GRAPHS = [panel for panel in PANELS if panel["type"] != "row"]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


def test_a_person_chooses_the_prometheus_and_the_sessions() -> None:
    variables = {each["name"]: each for each in BOARD["templating"]["list"]}
    assert variables.keys() == {"datasource", "session"}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert variables["session"]["datasource"] == SOURCE
    assert (variables["session"]["multi"], variables["session"]["includeAll"]) == (True, True)


def test_it_is_of_a_form_that_grafana_10_and_11_read() -> None:
    assert BOARD["schemaVersion"] == 38
    assert BOARD["id"] is None
    assert BOARD["title"] == "Playhead"


@pytest.mark.parametrize("panel", GRAPHS, ids=lambda panel: panel["title"])
def test_each_panel_says_what_it_shows_in_which_unit(panel: Mapping[str, Any]) -> None:
    assert panel["datasource"] == SOURCE
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in {"none", "s", "cps", "bytes", "dateTimeAsIso"}
    refs = [target["refId"] for target in panel["targets"]]
    assert refs
    assert len(set(refs)) == len(refs)
    for target in panel["targets"]:
        assert target["datasource"] == SOURCE
        assert target["expr"]
        assert target["legendFormat"]


def test_no_panel_lies_over_another() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    cells = [set(cells_of(panel["gridPos"])) for panel in PANELS]
    assert all(not one & other for one, other in combinations(cells, 2))
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= WIDTH for panel in PANELS)


def test_there_is_a_row_for_each_role() -> None:
    titles = " ".join(panel["title"] for panel in PANELS if panel["type"] == "row").lower()
    assert all(role in titles for role in ("coordinator", "producer", "worker", "recorder"))


def cells_of(grid: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(grid["x"], grid["x"] + grid["w"]):
        for y in range(grid["y"], grid["y"] + grid["h"]):
            yield x, y
