"""That no write is without a point, and no point without a visit: how it is noticed where one is added."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Container
from typing import Final

import pytest
import redis
from redis.exceptions import ResponseError

from playhead.connection import connect
from playhead.keys import Keys
from playhead.scripts import Script
from shared.redis_server import RedisServer
from tests.support import crash_client
from tests.support.crash_visits import VISITED, Place
from tests.support.services import REPOSITORY
from tests.support.write_guard import UNNAMED_WRITE, write_commands

PACKAGES: Final = ("playhead", "shared", "coordinator", "producer", "workers", "recorder")
IMPORT_ALL: Final = """
import json, pkgutil, sys
from importlib import import_module
from playhead.crash_points import WRITES
for package in map(import_module, sys.argv[1:]):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__"):
            import_module(module.name)
print(json.dumps(sorted(WRITES)))
"""
CLIENTS: Final = ("client", "_client", "connection")
PIPES: Final = ("pipe", "pipeline")
"""How whatever talks to Redis is called in the sources."""


def test_every_write_of_the_program_is_visited() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *PACKAGES], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert {write for _, write in VISITED} == set(json.loads(ended.stdout))


def test_a_write_that_has_no_point_ends_a_process_of_these_tests(place: Place) -> None:
    with place.cell() as cell:
        process = cell.run(f"{crash_client.__name__}:write_without_a_point", cell.url)
        assert process.ended() == UNNAMED_WRITE
        assert "a write without a crash point: HSET" in process.log.read_text()
        assert not cell.client.exists("written")


def test_a_script_that_only_reads_is_kept_from_writing_by_the_server(redis_url: str, session_name: str) -> None:
    create = Script("playhead", "create", reads_only=True)
    with connect(redis_url) as client, pytest.raises(ResponseError, match="read-only"):
        create(client, [Keys(session_name).state], ["{}", "history", 1, "max"])


def test_no_source_writes_past_its_points(emptied_server: RedisServer) -> None:
    with redis.Redis.from_url(emptied_server.url, legacy_responses=False) as client:
        commands = {name.lower() for name in write_commands(client)} | {"delete"}  # as redis-py calls DEL
    sources = [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]
    assert len(sources) > 100
    found = [f"{path}: {line}" for path in sources for line in past_all_points(path.read_text(), commands)]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(client): client.hset('key', 'field', 1)",
        "def f(self):\n if self: self._store.client.xadd('key', {})",
        "def f(pipe):\n pipe.hgetall('key')\n pipe.sadd('key', 1)\n return pipe.execute()",
        "def f(pipe):\n _save.queue(pipe, [], [])\n with nullcontext(): pipe.execute()",
    ],
)
def test_a_source_that_writes_past_all_points_is_seen(source: str) -> None:
    commands = {"hset", "xadd", "sadd"}
    assert past_all_points(source, commands)
    block = source.replace("\n", "\n ")
    assert not past_all_points(f"_WRITE = Write('name')\nwith _WRITE:\n {block}", commands)


def past_all_points(source: str, commands: Container[str]) -> list[str]:
    """The calls of a source that change something in Redis, and are not in a block of a `Write`. What a pipeline is to
    change changes where it is executed.
    """
    tree = ast.parse(source)
    writes = {
        target.id
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign | ast.AnnAssign)
        and isinstance(each.value, ast.Call)
        and _name(each.value.func) == "Write"
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
        if isinstance(target, ast.Name)
    }
    in_blocks = {
        id(inner)
        for each in ast.walk(tree)
        if isinstance(each, ast.With)
        if writes & {_name(part) for item in each.items for part in ast.walk(item.context_expr)}
        for inner in ast.walk(each)
    }
    found = []
    for function in [tree, *(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))]:
        calls = [each for each in ast.walk(function) if isinstance(each, ast.Call) and id(each) not in in_blocks]
        methods = [
            (_name(each.func.value), each.func.attr, each) for each in calls if isinstance(each.func, ast.Attribute)
        ]
        queues = any((of in PIPES and name in commands) or name == "queue" for of, name, _ in methods)
        for of, name, call in methods:
            if (of in CLIENTS and name in commands) or (of in PIPES and name == "execute" and queues):
                found.append(f"{call.lineno} {ast.unparse(call)}")
    return found


def _name(expression: ast.AST) -> str:
    """The last name of `a.b.c`."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""
