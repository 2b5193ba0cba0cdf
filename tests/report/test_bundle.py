"""One attachment holds the report and nothing else of the incident folder."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

from dlqkit.report.bundle import make_zip, report_of
from tests.report.example import make_facts


def report(folder: Path) -> dict[str, Path]:
    paths = {kind: folder / name for kind, name in (("facts", "facts.json"), ("html", "postmortem.html"),
                                                    ("md", "postmortem.md"), ("pdf", "postmortem.pdf"))}  # fmt: skip
    (folder / "figures").mkdir(parents=True)
    for path in (*paths.values(), folder / "figures" / "signals.png", folder / "redaction.key"):
        path.write_bytes(path.name.encode())
    return paths


def test_the_zip_holds_the_report_and_its_figures_alone(tmp_path: Path) -> None:
    """No key, no path of this machine, no time of today."""
    packed = zipfile.ZipFile(io.BytesIO(make_zip(report(tmp_path))))

    assert packed.namelist() == [
        "postmortem/facts.json", "postmortem/figures/signals.png", "postmortem/postmortem.html",
        "postmortem/postmortem.md", "postmortem/postmortem.pdf",
    ]  # fmt: skip
    assert packed.testzip() is None
    assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_files_give_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    first = make_zip(report(tmp_path / "a"))
    paths = report(tmp_path / "b")
    for path in paths.values():
        os.utime(path, (1, 1))

    assert make_zip(paths) == first


def test_a_ticket_gets_the_zip_where_there_is_one_else_what_people_open(tmp_path: Path) -> None:
    paths = report(tmp_path)
    loose = report_of(make_facts(), paths)
    (tmp_path / "postmortem.zip").write_bytes(make_zip(paths))
    packed = report_of(make_facts(), {**paths, "zip": tmp_path / "postmortem.zip"})

    assert [file.media_type for file in loose.files] == ["text/html", "application/pdf"]
    assert [file.media_type for file in packed.files] == ["application/zip"]
    assert loose.mark != packed.mark
    assert loose.lines[0][0] == "Problem"
