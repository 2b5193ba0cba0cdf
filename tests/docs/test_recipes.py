"""The recipes that other programs carry out: what they leave is what dlqkit itself would have."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, blocks_of
from tests.docs.world import World, page_folder, run_shell
from tests.real import find_program


def test_papermill_alone_shows_the_numbers_of_the_command(world: World, tmp_path: Path) -> None:
    """The parameters are the template's; every cell ran, the figures are there, the count is that of ``facts.json``."""
    recipe = next(block for block in blocks_of(DOCS / "recipes.md") if block.text.startswith("papermill "))
    with page_folder(world, tmp_path) as place:
        code, said = run_shell(recipe.text)
        assert code == 0, said
        notebook = json.loads((place / "own.ipynb").read_text(encoding="utf-8"))
        facts = json.loads((place / "incidents/orders/report/facts.json").read_text(encoding="utf-8"))
        ours = json.loads((place / "incidents/orders/report/postmortem.ipynb").read_text(encoding="utf-8"))

    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = "".join(json.dumps(cell["outputs"], ensure_ascii=False) for cell in cells)
    assert all(cell["execution_count"] for cell in cells)
    assert shown.count('"image/png"') == json.dumps(ours).count('"image/png"') > 0
    assert f"{facts['events']['affected']['value']} events" in shown


@pytest.mark.real
def test_prometheus_takes_the_rule_and_the_label_of_the_settings_is_in_it(tmp_path: Path) -> None:
    rule = next(block for block in blocks_of(DOCS / "recipes.md") if block.text.startswith("groups:"))
    (tmp_path / "rules.yml").write_text(rule.text, encoding="utf-8")

    checked = subprocess.run(
        [find_program("promtool"), "check", "rules", str(tmp_path / "rules.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stderr
    assert "1 rules found" in checked.stdout
