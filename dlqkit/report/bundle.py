"""A report as one attachment, and as a ticket system takes it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlqkit.language import say
from dlqkit.report.communication import write_communication
from dlqkit.report.facts import facts_json
from dlqkit.report.render import banners, meta_text
from dlqkit.report.sections import report_status
from dlqkit.republish.words import retold
from dlqkit.tickets.ticket import Report, make_report
from dlqkit.untrusted import for_json

__all__ = ["make_zip", "report_of"]

# The earliest time that a zip can hold: the same report gives the same bytes whenever it is packed.
_TIME = (1980, 1, 1, 0, 0, 0)
_FILE, _FOLDER_NAME = 0o100644 << 16, "postmortem"
_TYPES = {
    "ipynb": "application/x-ipynb+json",
    "html": "text/html",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "facts": "application/json",
}
# What a person opens from a ticket; the notebook and the facts are for those who go on, in the zip.
_ATTACHED = ("html", "pdf")
# The tag of the cell that Papermill adds, with an id that is drawn by lot.
_INJECTED = "injected-parameters"


def make_zip(paths: Mapping[str, Path]) -> bytes:
    """The files of a report, and the figures that its Markdown shows, in one zip; the same bytes for the same report.

    Parameters
    ----------
    paths : mapping
        ``PostmortemResult.paths``. Nothing else of the incident folder gets in; the notebook without the times of its
        run, by which alone two runs over the same evidence differ.
    """
    named = {path.name: path for path in paths.values() if path.suffix != ".zip"}
    if "md" in paths:
        shown = paths["md"].read_text(encoding="utf-8")
        figures = {f"figures/{path.name}": path for path in (paths["md"].parent / "figures").glob("*.png")}
        # A figure of an earlier run may lie there still.
        named |= {name: path for name, path in figures.items() if f"]({name})" in shown}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(named):
            entry = zipfile.ZipInfo(f"{_FOLDER_NAME}/{name}", _TIME)
            entry.external_attr, entry.compress_type, entry.create_system = _FILE, zipfile.ZIP_DEFLATED, 3
            content = named[name].read_bytes()
            packed.writestr(entry, _without_run_times(content) if name.endswith(".ipynb") else content)
    return out.getvalue()


def _without_run_times(content: bytes) -> bytes:
    notebook = json.loads(content)
    for part in (notebook, *notebook["cells"]):
        part["metadata"].pop("execution", None)
        for name in ("start_time", "end_time", "duration"):
            part["metadata"].get("papermill", {}).pop(name, None)
        if _INJECTED in part["metadata"].get("tags", []):
            part["id"] = _INJECTED
    return (for_json(json.dumps(notebook, ensure_ascii=False, indent=1)) + "\n").encode()


def report_of(facts: Mapping[str, Any], paths: Mapping[str, Path], problems: Sequence[str] = ()) -> Report:
    """What is attached: §6 as the comment, and the zip where one was made, else HTML and PDF.

    Parameters
    ----------
    facts, paths, problems
        Of ``PostmortemResult``. What is not whole stands before anything else, and makes it another report than the
        one that is whole.
    """
    kinds = (
        ("zip",) if "zip" in paths else [kind for kind in _ATTACHED if kind in paths] or sorted(set(paths) - {"facts"})
    )
    lines = [(say("Not whole"), retold(text)) for text in problems]
    lines += [(str(row["label"]), _text_of(row)) for row in write_communication(facts)]
    lines += [(say("Evidence"), text) for text in banners(facts, ())]
    lines += [(say("Report"), f"{report_status(facts)}. {meta_text(facts)}")]
    files = [(paths[kind].name, paths[kind].read_bytes(), _TYPES[kind]) for kind in kinds]
    return make_report(lines, files, _content(facts) + "\n".join([*kinds, *problems]).encode())


def _text_of(row: Mapping[str, Any]) -> str:
    text = str(row["text"])
    return say("Judgement needed: {text}", text=text) if row["kind"] == "judgement" else text


def _content(facts: Mapping[str, Any]) -> bytes:
    """What makes it this report: that it was attached changes its checklist, and makes it no other one."""
    closure = facts["closure"]
    items = [item for item in closure["items"] if item["name"] != "ticket"]
    return facts_json({**facts, "closure": {**closure, "items": items, "verdict": "", "reasons": []}})
