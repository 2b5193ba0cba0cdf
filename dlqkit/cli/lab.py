"""``dlqkit lab``: JupyterLab with the seven notebooks, filled in for one incident."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dlqkit.untrusted import for_terminal

__all__ = ["fill_notebooks", "lab"]


def fill_notebooks(directory: Path, snapshot: str | None = None) -> list[Path]:
    """Copy the seven notebooks into the incident folder, their parameters filled in; the analyst's own are kept.

    Returns
    -------
    list of Path
        Every notebook in ``DIR/notebooks``, in runbook order.
    """
    from dlqkit.evidence.store import write_bytes
    from dlqkit.resources import find_notebooks

    target = directory / "notebooks"
    paths = []
    for source in find_notebooks():
        path = target / source.name
        paths.append(path)
        if path.exists():
            continue
        notebook = json.loads(source.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if "parameters" in cell["metadata"].get("tags", []):
                cell["source"] = [_fill(line, snapshot) for line in cell["source"]]
        write_bytes(path, (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode())
    return paths


def _fill(line: str, snapshot: str | None) -> str:
    # Relative, so that a folder that was moved or zipped opens elsewhere.
    values = {"incident_dir": "..", "snapshot": snapshot or ""}
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
    directory: Annotated[Path, typer.Argument(help="Incident folder.")],
    snapshot: Annotated[
        str | None, typer.Option(help="Number of the evidence snapshot; the newest by default.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of JupyterLab; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    prepare: Annotated[bool, typer.Option(help="Only fill in the notebooks and say where they are.")] = False,
) -> None:
    """Open JupyterLab with the seven notebooks, filled in for this incident.

    Example: dlqkit lab incidents/orders
    """
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.run import kernel_environment

    open_incident(directory, snapshot=snapshot)
    paths = fill_notebooks(directory, snapshot)
    if prepare:
        for path in paths:
            typer.echo(for_terminal(path))
        return
    arguments = [sys.executable, "-m", "jupyter", "lab", f"--ServerApp.root_dir={directory.resolve()}",
                 f"--port={port}", "--ServerApp.ip=127.0.0.1",
                 "--LabApp.default_url=/lab/tree/notebooks/01_signals.ipynb", "--LabApp.news_url=",
                 "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]  # fmt: skip
    if not browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    # JupyterLab hands its environment on to the kernels, so it gets only what they may see.
    environment = kernel_environment() | {
        name: os.environ[name] for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER") if name in os.environ
    }
    os.execve(sys.executable, arguments, environment)
