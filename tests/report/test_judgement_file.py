"""A notebook writes into judgement.yaml as a careful person would: one key, and nothing else changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import dlqkit
from dlqkit.errors import ParameterError
from dlqkit.evidence import audit_log
from dlqkit.report.judgement import ASKED_FOR, parse_judgement
from dlqkit.report.judgement_file import TEMPLATE, write_template

BY_HAND = """# ours
severity: SEV2   # agreed with Ann

cause: |
  A switch
  # not a comment

  was down.

# the team's
owner: network
lessons:
- nothing
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "incident.toml").write_text("")
    return tmp_path


def test_the_template_asks_for_all_that_a_report_asks_for(folder: Path) -> None:
    """Filled in or not it can be read; and what people wrote is never written over."""
    assert write_template(folder)
    values = yaml.safe_load((folder / "judgement.yaml").read_text())

    assert parse_judgement(values).lacks == list(ASKED_FOR)
    assert set(ASKED_FOR) <= set(values)
    example = TEMPLATE.replace("#  - {at", "  - {at").partition("  - {at")
    entry = yaml.safe_load(example[1].strip(" ") + example[2].splitlines()[0])
    assert parse_judgement({"timeline": entry}).timeline[0].who == "Olga"
    (folder / "judgement.yaml").write_text("cause: ours")
    assert not write_template(folder)
    assert (folder / "judgement.yaml").read_text() == "cause: ours"


def test_one_key_is_replaced_and_comments_and_other_keys_stay(folder: Path) -> None:
    path = folder / "judgement.yaml"
    path.write_text(BY_HAND.replace("lessons:\n- nothing\n", ""))

    written = dlqkit.write_judgement(folder, cause="The link: cut", lessons={"well": "Fast."}, prevention=None)

    assert (written.texts["cause"], written.lessons["well"]) == ("The link: cut", ("Fast.",))
    text = path.read_text()
    assert text.startswith("# ours\nseverity: SEV2   # agreed with Ann\n\ncause: 'The link: cut'\n")
    assert "\n# the team's\nowner: network\n" in text
    assert text.count("cause") == 1 and "A switch" not in text
    (noted,) = audit_log.read(folder)
    assert (noted["action"], noted["keys"]) == ("judgement written", ["cause", "lessons", "prevention"])


def test_what_was_written_is_written_again_in_its_place(folder: Path) -> None:
    """Run twice, a cell leaves the same file; a list that begins at the margin is replaced as a whole."""
    (folder / "judgement.yaml").write_text("follow_ups:\n- what: a\n\n  owner: b\n- what: c\nowner: d\n")
    entry = {
        "at": datetime(2026, 3, 2, 14, 5, tzinfo=UTC),
        "who": "Olga",
        "what": "ok ☎ \x1b[31m",
        "milestone": "known",
    }

    for _ in range(2):
        dlqkit.write_judgement(folder, follow_ups=[{"what": "x"}], timeline=[entry])
        text = (folder / "judgement.yaml").read_text()

    assert text.startswith("follow_ups:\n- what: x\nowner: d\n\ntimeline:\n")
    assert parse_judgement(yaml.safe_load(text)).timeline[0].what == "ok ☎ \x1b[31m"
    assert "\x1b" not in text


def test_it_begins_with_the_template(folder: Path) -> None:
    dlqkit.write_judgement(folder, owner="network")

    assert (folder / "judgement.yaml").read_text() == TEMPLATE.replace("\nowner:\n", "\nowner: network\n")


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        ("cause: a", {"couse": "b"}, "a key 'couse' that means nothing"),
        ("cause: a", {"cause": ["b"]}, "cause is no plain text"),
        ("cause: a", {"cause": object()}, "nothing that judgement.yaml can hold"),
        ("cause: a", {"timeline": [{"at": datetime(2026, 3, 2), "who": "o", "what": "x"}]}, "has no zone"),
        ("cause: a", {"closure": {}}, "closure is not written like a judgement"),
        ("cause: a", {"review": {}}, "review is not written like a judgement"),
        ("{cause: a}", {"owner": "b"}, "written so that dlqkit cannot put owner into it"),
        ("cause: [", {"owner": "b"}, "is not YAML"),
        ("- a", {"owner": "b"}, "not a table of names"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_written(
    folder: Path, text: str, values: dict[str, Any], words: str
) -> None:
    (folder / "judgement.yaml").write_text(text)

    with pytest.raises(ParameterError, match=words):
        dlqkit.write_judgement(folder, **values)

    assert (folder / "judgement.yaml").read_text() == text
    assert audit_log.read(folder) == []


def test_a_folder_that_is_none_gets_no_file(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="is no incident folder"):
        dlqkit.write_judgement(tmp_path, cause="a")

    assert list(tmp_path.iterdir()) == []
