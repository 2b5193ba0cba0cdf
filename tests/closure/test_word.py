"""What people said of the closing stands in judgement.yaml, and leaves the rest of it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlqkit.closure.word import Acceptance, Attachment, Closing, Confirmation, add_word, read_word
from dlqkit.errors import ParameterError
from dlqkit.evidence import audit_log

AT = "2026-03-02T15:00:00+00:00"
MINE = """# what we know
severity: SEV2   # by Anna
cause: |
  The database was restarted.

  closure: is no key here
"""


def test_a_word_is_kept_and_every_other_line_stays(tmp_path: Path) -> None:
    """Comments, order and blocks of the analyst's own; a second word goes into the same block."""
    path = tmp_path / "judgement.yaml"
    path.write_text(MINE)

    add_word(tmp_path, Confirmation("Ольга", "by phone: “works”", AT))
    add_word(tmp_path, Acceptance("metrics", "unknown", "ann", "no traffic: night #1", AT, AT, 0.0))
    path.write_text(path.read_text() + "\nowner: team-orders\n")
    add_word(tmp_path, Acceptance("records", "no", "ann", "known", AT, AT, 3.0))

    text = path.read_text()
    assert text.startswith(MINE)
    assert text.count("\nclosure:") == 1
    assert "owner: team-orders" in text
    word = read_word(tmp_path)
    assert word.confirmed == Confirmation("Ольга", "by phone: “works”", AT)
    assert [one.item for one in word.accepted] == ["metrics", "records"]
    assert [line["action"] for line in audit_log.read(tmp_path)] == [
        "closure confirmation", "closure acceptance", "closure acceptance",
    ]  # fmt: skip


def test_a_newer_confirmation_and_closing_take_the_place_of_the_former(tmp_path: Path) -> None:
    for name in ("Olga", "Ivan"):
        add_word(tmp_path, Confirmation(name, "mail", AT))
        add_word(tmp_path, Closing(name, "OPS-1", AT, AT))

    word = read_word(tmp_path)
    assert word.confirmed is not None and word.confirmed.by == "Ivan"
    assert word.closed is not None and word.closed.by == "Ivan"


@pytest.mark.parametrize("said", [Confirmation(" ", "phone", AT), Acceptance("metrics", "no", "ann", "…", AT, AT)])
def test_a_word_without_a_name_or_a_reason_is_none(tmp_path: Path, said: Any) -> None:
    with pytest.raises(ParameterError, match="missing"):
        add_word(tmp_path, said)
    assert not (tmp_path / "judgement.yaml").exists()


@pytest.mark.parametrize(
    "block",
    ["closure: yes", "closure: {confirmed: {by: a}}", "closure: {accepted: {item: metrics}}", "closure: {fixed: x}",
     "closure: {fixed_at: 14:40}", "closure: {fixed_at: 2026-03-02 14:40}",
     "closure: {fixed_at: '9999-12-31T23:59:59-01:00'}", "closure: {fixed_at: '0001-01-01T00:00:00+00:00'}",
     "closure: {closed: {by: a, ticket: '', at: '2026-03-02T15:00:00+00:00'}}",
     "closure: {closed: {by: ' ', ticket: OPS-1, at: '2026-03-02T15:00:00+00:00'}}",
     "closure: {accepted: [{item: metrics, state: no, by: a, reason: x, at: '2026-03-02T15:00:00+00:00', count: -1}]}",
     "closure: {attached: {by: a, ticket: OPS-1, at: '2026-03-02 15:00'}}"],
)  # fmt: skip
def test_a_block_that_is_not_as_it_should_be_is_refused(tmp_path: Path, block: str) -> None:
    """A time without a zone, a key that means nothing, a word that lacks its author."""
    (tmp_path / "judgement.yaml").write_text(block)

    with pytest.raises(ParameterError, match=r"judgement\.yaml"):
        read_word(tmp_path)


def test_the_time_of_the_fix_is_written_by_people(tmp_path: Path) -> None:
    (tmp_path / "judgement.yaml").write_text("closure:\n  fixed_at: 2026-03-02T17:40:00+03:00\n")

    assert read_word(tmp_path).fixed_at == "2026-03-02T14:40:00+00:00"


def test_a_comment_after_the_block_stays(tmp_path: Path) -> None:
    """It is of the key that follows it."""
    path = tmp_path / "judgement.yaml"
    path.write_text("closure:\n  fixed_at: 2026-03-02T14:40:00+00:00\n\n# who pays\nowner: team-orders\n")

    add_word(tmp_path, Attachment("ann", "OPS-1", AT))

    assert path.read_text().endswith("\n\n# who pays\nowner: team-orders\n")
    assert read_word(tmp_path).attached == Attachment("ann", "OPS-1", AT)
    assert read_word(tmp_path).fixed_at == "2026-03-02T14:40:00+00:00"


@pytest.mark.parametrize("text", ["closure: {fixed_at: 2026-03-02T14:40:00Z\n}\n", "closure: &a {}\nowner: *a\n"])
def test_a_block_that_cannot_be_put_in_place_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    """Rather no new word than a file that says something else afterwards."""
    path = tmp_path / "judgement.yaml"
    path.write_text(text)

    with pytest.raises(ParameterError, match=r"cannot add|is not YAML"):
        add_word(tmp_path, Attachment("ann", "OPS-1", AT))

    assert path.read_text() == text
    assert audit_log.read(tmp_path) == []


def test_the_workflow_that_was_spoken_of_first_is_kept(tmp_path: Path) -> None:
    add_word(tmp_path, Confirmation("Olga", "mail", AT), "wf")
    add_word(tmp_path, Attachment("ann", "OPS-1", AT), "another")

    assert read_word(tmp_path).workflow_id == "wf"


def test_what_is_written_by_hand_is_of_when_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "judgement.yaml").write_text(
        "closure:\n  accepted:\n  - {item: metrics, state: no, by: ann, reason: known, at: 2026-03-02T18:00:00+03:00}\n"
    )

    word = read_word(tmp_path).accepted[0]

    assert (word.state, word.seen_to, word.count) == ("no", "2026-03-02T18:00:00+03:00", None)
