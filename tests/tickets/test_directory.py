"""A folder of tickets takes a report once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlqkit import language
from dlqkit.errors import ParameterError, StorageError
from dlqkit.settings import Settings
from dlqkit.tickets import directory as module
from dlqkit.tickets.choose import open_tickets
from dlqkit.tickets.directory import Directory
from dlqkit.tickets.ticket import make_report
from tests.tickets.test_jira import REPORT


def test_files_and_the_comment_are_written_once(tmp_path: Path) -> None:
    first = Directory(tmp_path).attach("OPS-1", REPORT)
    second = Directory(tmp_path).attach("OPS-1", REPORT)

    assert len(first.added) == 2 and first.has_commented
    assert (second.added, second.has_commented) == ((), False)
    comment = (tmp_path / "OPS-1" / f"comment-{REPORT.mark}.md").read_text()
    assert comment.startswith("- **Problem**: 12 events \\[`~admin`\\] {noformat} \\*died\\*")


def test_the_comment_names_the_files_in_the_language_of_the_report(tmp_path: Path) -> None:
    with language.use("ru"):
        report = make_report([("Проблема", "12 событий")], [("postmortem.html", b"x", "text/html")], b"x")
        Directory(tmp_path).attach("OPS-1", report)

    comment = (tmp_path / "OPS-1" / f"comment-{report.mark}.md").read_text(encoding="utf-8")
    assert comment.splitlines()[1] == f"- **Приложено**: `postmortem-{report.mark}.html`"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_whichever_file_cannot_be_written_the_next_run_adds_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Two files and the comment; the disk is full at each of them."""
    real, count = module.write_bytes, iter(range(1, 100))

    def write(path: Path, content: bytes) -> None:
        if next(count) == number:
            raise StorageError("The disk is full.", "Free some space.")
        real(path, content)

    monkeypatch.setattr(module, "write_bytes", write)
    with pytest.raises(StorageError):
        Directory(tmp_path).attach("OPS-1", REPORT)
    again = Directory(tmp_path).attach("OPS-1", REPORT)

    assert len(again.added) == max(3 - number, 0)
    assert again.has_commented
    assert len(list((tmp_path / "OPS-1").iterdir())) == 3


@pytest.mark.parametrize(
    ("tickets", "words"),
    [
        ({}, "No ticket system"),
        ({"kind": "directory"}, "tickets.path is not set"),
        ({"kind": "directory", "path": "/nowhere/at/all"}, "does not exist"),
        ({"kind": "jira", "url": "https://team.example"}, "tickets.url or tickets.token"),
    ],
)
def test_what_is_missing_in_the_settings_is_named(tickets: dict[str, str], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        open_tickets(Settings.model_validate({"tickets": tickets}))
