"""``dlqkit lab``: JupyterLab with the seven notebooks, filled in for one incident."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dlqkit import language
from dlqkit.cli.shared import Directory, Language, Snapshot, load, speak_for, write_json
from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.untrusted import for_terminal

__all__ = ["fill_notebooks", "lab", "lay_notebooks"]


def fill_notebooks(directory: Path, snapshot: str | None = None) -> list[Path]:
    """Copy the seven notebooks into the incident folder, their parameters filled in; the analyst's own are kept.

    Those of the report, §6–7, are in the language that is spoken.

    In those that are there already only the snapshot is set anew, so that nobody reads another one unawares. They have
    to be the analyst's own (``cli.own_notebooks``).

    Returns
    -------
    list of Path
        Every notebook in ``DIR/notebooks``, in runbook order.
    """
    from dlqkit.evidence.store import write_bytes
    from dlqkit.report.notebook_words import translate_notebook
    from dlqkit.resources import find_notebooks

    target = directory / "notebooks"
    paths = []
    for source in find_notebooks():
        path = target / source.name
        paths.append(path)
        # Relative, so that a folder that was moved or zipped opens elsewhere.
        values = {"snapshot": snapshot or ""}
        notebook = _read_notebook(path if path.exists() else source)
        if not path.exists():
            values |= {"incident_dir": "..", "language": language.current()}
            notebook = translate_notebook(notebook)
        before = json.dumps(notebook)
        for cell in notebook.get("cells", []):
            if "parameters" in cell.get("metadata", {}).get("tags", []):
                lines = "".join(cell["source"]).splitlines(keepends=True)
                cell["source"] = [_fill(line, values) for line in lines]
        if not path.exists() or json.dumps(notebook) != before:
            write_bytes(path, (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode())
    return paths


def _read_notebook(path: Path) -> dict[str, Any]:
    from dlqkit.evidence.store import read_json

    try:
        notebook = read_json(path)
    except (EvidenceError, ValueError) as error:
        raise ParameterError(
            f"The notebook {path.name} cannot be read.", f"Move {path} away to get it anew."
        ) from error
    return notebook if isinstance(notebook, dict) else {}


def _fill(line: str, values: Mapping[str, str]) -> str:
    name, colon, rest = line.partition(":")
    if not colon or name not in values:
        return line
    kind, _, comment = rest.partition("#")
    return (
        f"{name}: {kind.split('=')[0].strip()} = {json.dumps(values[name])}"
        + (f"  # {comment.strip()}" if comment else "")
        + ("\n" if line.endswith("\n") else "")
    )


def lab(
    context: typer.Context,
    directory: Directory,
    snapshot: Snapshot = None,
    port: Annotated[int, typer.Option(help="Port of JupyterLab; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    prepare: Annotated[bool, typer.Option(help="Only fill in the notebooks and say where they are.")] = False,
    mine: Annotated[
        bool, typer.Option("--mine", help="Take notebooks that came with the folder, which will be run, for your own.")
    ] = False,
    lang: Language = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --prepare: print the paths as JSON.")] = False,
) -> None:
    """Open JupyterLab with the seven notebooks, filled in for this incident.

    Notebooks that somebody else put into the folder are moved aside, and fresh ones laid: what is opened is run.

    Example: dlqkit lab incidents/orders
    """
    from dlqkit.evidence.folder import open_incident

    speak_for(context, lang, load(context))
    open_incident(directory, snapshot=snapshot)
    moved = lay_notebooks(directory, snapshot, mine=mine)
    paths = sorted((directory / "notebooks").glob("0[1-7]_*.ipynb"))
    if moved is not None:
        typer.echo(
            for_terminal(f"The notebooks in {directory / 'notebooks'} are not yours, so they were moved to {moved}.")
            + for_terminal(" If they are: move them back, and add --mine."),
            err=True,
        )
    if prepare and as_json:
        write_json({"notebooks": [str(path) for path in paths]})
        return
    if prepare:
        for path in paths:
            typer.echo(for_terminal(path))
        return
    _open_lab(directory.resolve(), port, browser=browser)


def lay_notebooks(directory: Path, snapshot: str | None, *, mine: bool) -> Path | None:
    """Fill the notebooks in where they are the analyst's own, else lay fresh ones; where others were moved to."""
    from dlqkit.cli.own_notebooks import are_own, mark_own, set_aside

    folder = directory / "notebooks"
    moved = None if mine or are_own(folder) else set_aside(folder)
    fill_notebooks(directory, snapshot)
    mark_own(folder)
    return moved


def _open_lab(directory: Path, port: int, *, browser: bool) -> None:
    """Become the server, which has its own process for a clean environment."""
    from dlqkit.notebook_html import IN_LAB
    from dlqkit.report.run import kernel_environment

    # -P, or a module of the working directory, such as an incident folder of somebody else, would be taken for ours.
    arguments = [sys.executable, "-P", "-m", "dlqkit.cli.lab_server", f"--ServerApp.root_dir={directory}",
                 f"--port={port}", "--LabApp.default_url=/lab/tree/notebooks/01_signals.ipynb"]  # fmt: skip
    if not browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    # JupyterLab hands its environment on to the kernels, so it gets only what they may see.
    environment = kernel_environment() | {
        name: os.environ[name] for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER") if name in os.environ
    }
    os.execve(sys.executable, arguments, environment | {IN_LAB: "1", "JUPYTER_CONFIG_PATH": _config_path()})


def _config_path() -> str:
    """In ours the browser asks for no news and no newer version; the rest is as the user has it."""
    own = Path(__file__).resolve().parents[1] / "lab_config"
    return os.pathsep.join([str(own), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])])
