"""The two reports of the docs, made anew: ``make reports``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

__all__ = ["REPORTS", "make_reports"]

# Different incidents, and one of them with its republish; each in a language.
REPORTS = (("infrastructure", "en"), ("business", "ru"))
TARGET = Path(__file__).resolve().parent.parent / "docs" / "reports"
# Of the first page's picture: it is looked at beside the text, so it has to be small and no sharper than a screen.
SCALE, COLOURS = 1.5, 128


def make_reports(target: Path = TARGET) -> None:
    """Run the demo of each scenario and keep its report as Markdown with figures, and the PDF's first page."""
    for scenario, lang in REPORTS:
        with tempfile.TemporaryDirectory(prefix="dlqkit-") as scratch:
            # Whose account it ran under stands in the report, and is nobody's business here.
            environment = {**os.environ, "LOGNAME": "anna"}
            for command in (["demo", scenario, "--scenario", scenario], ["postmortem", scenario]):
                called = [sys.executable, "-m", "dlqkit", *command, "--lang", lang]
                subprocess.run(called, cwd=scratch, env=environment, check=True, stdout=subprocess.DEVNULL)
            _keep(Path(scratch) / scenario / "report", target / f"{scenario}-{lang}")


def _keep(report: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    (place / "figures").mkdir(parents=True)
    shutil.copyfile(report / "postmortem.md", place / "postmortem.md")
    for figure in sorted((report / "figures").glob("*.png")):
        _save(Image.open(figure), place / "figures" / figure.name)
    _save(_first_page(report / "postmortem.pdf"), place / "first-page.png")


def _first_page(pdf: Path) -> Image.Image:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        return document[0].render(scale=SCALE).to_pil()
    finally:
        document.close()


def _save(picture: Image.Image, path: Path) -> None:
    picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    make_reports()
