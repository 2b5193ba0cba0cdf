"""The notebooks of the report in the reader's language."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dlqkit import language
from dlqkit.report.notebook_words import NOTEBOOK_LINES, translate_notebook
from dlqkit.resources import find_notebooks, find_template

TRANSLATED = {"postmortem", "06_communication", "07_closure"}
PATHS = [path for path in (find_template("postmortem.ipynb"), *find_notebooks()) if path.stem in TRANSLATED]


def lines_of(notebook: dict[str, Any]) -> list[str]:
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    return [line for cell in cells for line in "".join(cell["source"]).splitlines()]


def test_every_line_of_these_notebooks_is_known_to_the_catalogs() -> None:
    """None is left in English by oversight, and none that was taken out is still translated."""
    lines = {line for path in PATHS for line in lines_of(json.loads(path.read_text(encoding="utf-8")))}
    told = {re.sub("^(#+|-) ", "", line) for line in lines} - {"", "```yaml", "```", "severity: high"}

    assert told == NOTEBOOK_LINES


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_has_the_same_shape_in_every_language(path: Path) -> None:
    """Headings stay headings and links lead where they did; code is not touched."""
    notebook = json.loads(path.read_text(encoding="utf-8"))

    with language.use("ru"):
        told = translate_notebook(notebook)

    assert translate_notebook(notebook) == notebook
    marks = re.compile(r"^#+ |^- |`[^`]+`|\([0-9a-z_]+\.ipynb\)|```\w*")
    for before, after in zip(lines_of(notebook), lines_of(told), strict=True):
        assert sorted(marks.findall(after)) == sorted(marks.findall(before))
        assert re.search("[а-я]", after) or before in {"", "```yaml", "```", "severity: high"}
    code = [[cell for cell in one["cells"] if cell["cell_type"] == "code"] for one in (notebook, told)]
    assert code[0] == code[1]


def test_a_line_that_the_analyst_wrote_stays_as_it_is() -> None:
    cell = {"cell_type": "markdown", "source": ["## Problem\n", "\n", "Evidence was lost {here}, I think."]}

    with language.use("ru"):
        told = translate_notebook({"cells": [cell]})

    assert told["cells"][0]["source"] == ["## Проблема\n", "\n", "Evidence was lost {here}, I think."]
