"""A next step can be pasted into a shell as it stands, whatever the folder is called."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

import dlqkit
from dlqkit.cli.main import app
from dlqkit.errors import DlqkitError, EvidenceError, ParameterError
from dlqkit.republish.adoption import adopt
from dlqkit.republish.journal import open_journal
from dlqkit.republish.next_steps import REASON, approve_command, here, is_reason
from dlqkit.republish.plan import read_plan, write_plan
from dlqkit.republish.plan_decisions import read_approval
from dlqkit.republish.ramp import STOPS
from dlqkit.republish.resolution import resolve_by_word
from dlqkit.republish.run import run_republish
from tests.republish.plans import Answers, make_plan, send_all

AWKWARD = "ann's orders PLAN ID"
SOURCES = Path(dlqkit.__file__).parent
COMMAND: Any = typer.main.get_command(app)
NAMED = re.compile(rf"\bdlqkit ({'|'.join(COMMAND.commands)})\b")


@pytest.fixture(autouse=True)
def any_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is taken apart here, and not asked whether its folder is there."""
    monkeypatch.setattr("dlqkit.evidence.folder.read_question", lambda _: {})


def parse(command: str) -> dict[str, Any]:
    """What dlqkit takes of a pasted command; fails where it would not take it."""
    name, *words = shlex.split(command)
    assert name == "dlqkit"
    found = COMMAND
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    given: dict[str, Any] = found.make_context(found.name, words).params
    return given


def command_of(step: str) -> str:
    """The command at the end of a next step."""
    assert step.count("dlqkit ") == 1, step
    return step[step.index("dlqkit ") :]


def texts(path: Path) -> Iterator[str]:
    """Each text of a module that names a command, but for docstrings; what is put into it stands as a word."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else REASON if _is_reason(part) else "1"
                           for part in node.values)  # fmt: skip
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        else:
            continue
        if NAMED.search(text) and text not in docs:
            yield text


def _is_reason(part: ast.expr) -> bool:
    return isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id == "REASON"


@pytest.mark.parametrize("name", ["incidents/orders", AWKWARD, "-x", "DIR", "a;b $(c)\n`d`", "тикет 5"])
def test_the_folder_stays_one_word_and_nothing_in_it_is_filled_in(name: str) -> None:
    step = here(f"Give it up: dlqkit republish cancel DIR PLAN {REASON}", Path(name), "plan-001")
    given = parse(command_of(step))

    assert Path(given["directory"]) == Path(name)
    assert (given["plan_id"], given["reason"]) == ("plan-001", "…")


def test_an_event_is_filled_in_as_it_is_called() -> None:
    given = parse(command_of(here(STOPS["new_error"], Path(AWKWARD), "plan-001", "a DIR; rm 'x'")))

    assert (str(given["directory"]), given["event_id"]) == (AWKWARD, "a DIR; rm 'x'")


@pytest.mark.parametrize(
    "path",
    [
        *sorted((SOURCES / "republish").glob("*.py")),
        *sorted((SOURCES / "cli").glob("*republish*.py")),
        SOURCES / "cli" / "event.py",
    ],
    ids=lambda path: path.stem,
)
def test_every_command_that_is_named_can_be_pasted(path: Path) -> None:
    """It stands last, and takes what it is given; a command that needs a folder or a plan has them."""
    wrong = []
    for text in texts(path):
        try:
            parse(command_of(here(text, Path(AWKWARD), "plan-001", "t1")))
        except Exception as error:  # noqa: BLE001
            wrong.append((text, repr(error)))

    assert wrong == []


def test_approving_asks_for_what_the_plan_does_not_know() -> None:
    plan = replace(make_plan(1), unknowns=("Not known: a.", "Not known: b."))
    given = parse(approve_command(Path(AWKWARD), plan.plan_id, plan.unknowns, 60.0))

    assert (given["accept_unknown"], given["reason"], given["outcome_deadline"]) == (["1", "2"], "…", None)
    assert approve_command(Path("a"), "plan-001", (), None).endswith("--outcome-deadline SECONDS")


def test_a_command_that_was_pasted_with_its_dots_gives_no_reason() -> None:
    assert not is_reason("…") and not is_reason(" ")
    assert is_reason("OPS-17") and is_reason("база вернулась")


def raised(directory: Path, kind: str) -> DlqkitError:
    """An error of this kind, in an incident folder."""
    plan = make_plan(2)
    with pytest.raises((EvidenceError, ParameterError)) as caught:
        if kind == "no such plan":
            read_plan(directory, "plan-007")
        elif kind == "not approved":
            read_approval(directory, plan)
        elif kind == "not in doubt":
            with open_journal(directory) as journal:
                journal.add_plan(plan)
                resolve_by_word(journal, plan.plan_id, [1], was_sent=True, by="anna", reason="seen")
        else:
            other = directory.with_name("other")
            with open_journal(other) as journal:
                send_all(journal, Answers(), plan)
            shutil.copytree(other / "republish", directory / "republish", dirs_exist_ok=True)
            shutil.copy(other / "audit.jsonl", directory)
            with open_journal(directory):
                pass
    return caught.value


@pytest.mark.parametrize("kind", ["no such plan", "not approved", "not in doubt", "a copied journal"])
def test_an_errors_next_step_names_the_folder(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / AWKWARD
    directory.mkdir()
    (tmp_path / "other").mkdir()

    assert Path(parse(command_of(raised(directory, kind).next_step))["directory"]) == directory


def test_a_dry_runs_next_step_is_the_command_that_is_lacking(tmp_path: Path) -> None:
    directory = tmp_path / AWKWARD
    directory.mkdir()
    write_plan(directory, make_plan(2), {})
    given = parse(command_of(run_republish(directory, make_plan(2)).next_step))

    assert (Path(given["directory"]), given["plan_id"]) == (directory, "plan-001")


def test_dots_adopt_no_journal(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="name and reason"):
        adopt(tmp_path, by="anna", reason="…")
