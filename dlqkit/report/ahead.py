"""Draw the figures of a report before its notebook asks for them, in its kernel, while the facts are still computed.

The kernel of a report imports this module first, and with it all that the notebook shows.
"""

from __future__ import annotations

import json

import matplotlib.pyplot  # noqa: F401

from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.language import speak
from dlqkit.report import (  # noqa: F401
    closing_tables,
    diagnosis_tables,
    figures,
    lessons,
    milestones,
    payload_tables,
    provenance_tables,
    reproduce,
    tables,
)
from dlqkit.report.facts import load_facts  # noqa: F401

__all__ = ["draw", "read"]

# Read while nothing is known yet that could be drawn, and let go of once all is drawn.
_FOLDERS: dict[tuple[str, str], IncidentFolder] = {}


def read(directory: str, snapshot: str | None) -> None:
    """Read what the figures of a snapshot are drawn of, of the newest one by default."""
    folder = open_incident(directory, snapshot=snapshot)
    _FOLDERS[str(folder.path), folder.snapshot] = folder
    folder.records()
    folder.samples()


def draw(directory: str, snapshot: str, language: str, known: str) -> None:
    """Draw the figures of a snapshot and keep each until its cell shows it.

    Parameters
    ----------
    directory, snapshot, language : str
        As the notebook is given them.
    known : str
        JSON of what the facts say so far; what is drawn of it is shown only if the facts say the same in the end.
    """
    speak(language)
    folder = _FOLDERS.pop((directory, snapshot), None) or open_incident(directory, snapshot=snapshot)
    figures.draw_ahead(folder, json.loads(known))
