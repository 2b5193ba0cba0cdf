"""What a shell offers for a half-typed argument: incident folders, plans, snapshots; nothing heavy is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dlqkit.language import known_languages
from dlqkit.suggestions import find_incident_folders

__all__ = ["incident_folders", "languages", "one_of", "plans", "snapshots"]

# From where nothing is typed: incidents/2026-11-23-orders, or a team's incidents/2026/orders.
_DEPTH = 3
# A shell asks before it shows a hundred.
_OFFERED = 200
# Where a shell hands over what is typed.
_LINES = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
_PLAN = re.compile(r"plan-[0-9]+")
# What every shell takes for letters of a word. Bash inserts what it is offered as it stands, so that a folder of
# another name would be several words; where nothing is offered it completes file names itself, and quotes them.
_PLAIN = re.compile(r"[\w./:@%+=,-]+")


def incident_folders(incomplete: str) -> list[str]:
    """Incident folders that the typed path begins; a name that needs quoting is left out.

    Parameters
    ----------
    incomplete : str
        As typed so far: nothing, a part of a name, or a folder with a slash at its end.
    """
    place, _, begun = incomplete.rpartition("/")
    below = Path(place or ("/" if incomplete.startswith("/") else "."))
    found = []
    for path in _below(below, begun):
        # A path drops the dot that was typed before its first slash, and a shell compares letter by letter.
        shown = f"./{path}" if incomplete.startswith("./") else str(path)
        if _PLAIN.fullmatch(shown) and not shown.startswith("-"):
            found.append(shown)
    return found[:_OFFERED]


def _below(place: Path, begun: str) -> Iterator[Path]:
    try:
        inside = sorted(path for path in place.iterdir() if path.name.startswith(begun) and path.name[:1] != ".")
    except OSError:
        return
    for path in inside:
        if (path / "incident.toml").is_file():
            yield path
        elif path.is_dir():
            yield from find_incident_folders(path, _DEPTH - 1)


def plans(ctx: Any, incomplete: str) -> list[str]:
    """Plans of the incident folder that is typed already."""
    folder = _folder(ctx)
    if folder is None:
        return []
    names = {path.stem for path in (folder / "republish").glob("plan-*.json")}
    return sorted(name for name in names if _PLAN.fullmatch(name) and name.startswith(incomplete))


def snapshots(ctx: Any, incomplete: str) -> list[str]:
    """Numbers of the finished snapshots of the incident folder that is typed already."""
    folder = _folder(ctx)
    if folder is None:
        return []
    found = (path.name for path in (folder / "evidence").glob("[0-9]*") if (path / "manifest.json").is_file())
    return sorted(name for name in found if name.isdigit() and name.startswith(incomplete))


def _folder(ctx: Any) -> Path | None:
    """The incident folder that is typed already, by the words of the line.

    The parser has no argument yet where an option at the end lacks its value.
    """
    value = ctx.params.get("directory")
    if value is not None:
        return Path(str(value))
    words = next((os.environ[name] for name in _LINES if name in os.environ), "").split()
    return next((Path(word) for word in words[1:] if (Path(word) / "incident.toml").is_file()), None)


def languages(incomplete: str) -> list[str]:
    """Languages that there is a catalog of."""
    return [name for name in known_languages() if name.startswith(incomplete)]


def one_of(*names: str) -> Callable[[str], list[str]]:
    """Completes one of these words."""

    def offer(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return offer
