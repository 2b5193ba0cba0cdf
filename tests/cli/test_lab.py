"""The notebooks that ``dlqkit lab`` lays into an incident folder."""

from __future__ import annotations

import json
from pathlib import Path

from dlqkit import language
from dlqkit.cli.lab import fill_notebooks


def words_of(path: Path) -> str:
    return "".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])


def test_the_notebooks_of_the_report_speak_the_readers_language(tmp_path: Path) -> None:
    """Headings and what the cells show; a notebook that the analyst has already stays in its own."""
    with language.use("ru"):
        communication, closure = fill_notebooks(tmp_path)[-2:]
    told = words_of(communication)

    assert "# 7 · Закрытие" in words_of(closure)
    assert 'language: str = "ru"' in told
    fill_notebooks(tmp_path, "002")
    assert words_of(communication) == told.replace('snapshot: str = ""', 'snapshot: str = "002"')
