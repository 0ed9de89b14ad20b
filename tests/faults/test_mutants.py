"""The wrong programs that the checkers are tried with: each is one that can be tried. `make mutants` tries them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.faults.mutants import mutant as mutants
from tests.faults.mutants.__main__ import main
from tests.faults.mutants.mutant import FOLDER, BadHead, Check, Mutant
from tests.faults.mutants.tree import PROGRAM, REPOSITORY, DoesNotApply, apply, changed, tree
from tests.faults.mutants.trial import LIMIT_S, Result

HEAD = "Wrong: a\nHurts: b\nCaught-by: python -m pytest\n  tests\nFinds: test_c\n"
PATHS = sorted(FOLDER.glob("*.patch"))
CHECK = Check("python -m pytest", "test_c or 6 fencing")
DIFF = """
diff --git a/producer/__init__.py b/producer/__init__.py
--- a/producer/__init__.py
+++ b/producer/__init__.py
@@ -1 +1 @@
-{}
+print(1)
"""


@pytest.fixture(autouse=True)
def git() -> None:
    if shutil.which("git") is None:
        lacking("no git, which applies the patches")


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_each_says_what_it_is_and_changes_the_program_as_it_is_now(path: Path) -> None:
    wrong = Mutant.read(path)
    apply(wrong, REPOSITORY, only_check=True)
    assert {name.split("/")[0] for name in changed(wrong)} <= set(PROGRAM)


def test_there_are_as_many_as_were_promised() -> None:
    assert len(PATHS) >= 20


def test_a_head_is_read_to_the_diff(tmp_path: Path) -> None:
    path = tmp_path / "bad.patch"
    path.write_text(f"{HEAD}Caught-by: x\nFinds: y\n{DIFF}")
    assert Mutant.read(path) == Mutant("bad", "a", "b", (Check("python -m pytest tests", "test_c"), Check("x", "y")))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HEAD.replace("Wrong: a\n", "") + DIFF, "needs one Wrong"),
        (HEAD + "Hurts: c\n" + DIFF, "one Hurts"),
        (HEAD + "Finds: d\n" + DIFF, "pairs of Caught-by and Finds"),
        (HEAD.replace(" b", "") + DIFF, "a field with nothing in it"),
        (HEAD + "Why: d\n" + DIFF, "unknown field Why"),
        (HEAD, "something else than a diff"),
    ],
)
def test_a_head_that_is_not_whole_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "bad.patch"
    path.write_text(text)
    with pytest.raises(BadHead, match=why):
        Mutant.read(path)


@pytest.mark.parametrize(
    ("code", "output", "why"),
    [
        (1, "FAILED test_c - it is wrong", None),
        (1, "seed 4: 6 fencing", None),
        (0, "1 passed", "survives"),
        (1, "FAILED test_d", "fails for another reason than test_c or 6 fencing"),
        (1, "FAILED test_c - ImportError: no", "cannot even run (ImportError)"),
        (2, "ERROR test_c", "could not be tried: the check ended with 2"),
        (None, "test_c", f"hangs: it took more than {LIMIT_S:g} s"),
    ],
)
def test_a_mutant_is_caught_only_where_the_right_test_fails(code: int | None, output: str, why: str | None) -> None:
    missed = Result(code, output, 0.0).missed(CHECK)
    assert missed == why


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Other mutants than those of the project."""
    monkeypatch.setattr(mutants, "FOLDER", tmp_path)
    return tmp_path


def one(folder: Path, command: str, was: str | None = None) -> None:
    line = was or (REPOSITORY / "producer/__init__.py").read_text().rstrip()
    (folder / "loud.patch").write_text(f"Wrong: a\nHurts: b\nCaught-by: {command}\nFinds: 1\n{DIFF.format(line)}")


def test_a_wrong_program_that_is_noticed_is_caught(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one(folder, "python -c 'import sys, producer; sys.exit(not producer.__doc__)'")
    assert main([]) == 0
    assert "caught by 1\n1 of 1 mutants are caught" in capsys.readouterr().out


def test_a_wrong_program_that_nobody_notices_fails_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one(folder, "true")
    assert main(["loud"]) == 1
    assert "survives" in capsys.readouterr().out


def test_a_check_that_the_right_program_does_not_pass_proves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one(folder, "false")
    assert main([]) == 1
    assert "the right program does not pass this check: false" in capsys.readouterr().err


def test_a_patch_to_code_that_is_there_no_more_fails_the_run_with_advice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one(folder, "true", was="something else")
    with (
        pytest.raises(DoesNotApply, match="Make the same mistake in the code as it is now"),
        tree(*mutants.all_mutants()),
    ):
        raise AssertionError("it was applied")
    assert main([]) == 1
    assert "does not apply any more" in capsys.readouterr().out
