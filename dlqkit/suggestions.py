"""What somebody meant who misspelt a name: the names that are nearest to it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["did_you_mean", "find_incident_folders", "nearest", "suggest_folder"]

# More than three are a list, and no suggestion.
_MOST = 3
# Folders looked at below one; a shared folder of incidents may hold thousands, and somebody waits.
_LOOKED_AT = 2_000
_INCIDENT = "incident.toml"


def nearest(typed: str, known: Iterable[str]) -> tuple[str, ...]:
    """The names that a misspelt or unfinished one stands for, best first; none where nothing is near.

    Parameters
    ----------
    typed : str
    known : iterable of str
    """
    names = list(dict.fromkeys(known))
    low = typed.casefold()
    begun = [name for name in names if low and name.casefold().startswith(low)]
    alike = difflib.get_close_matches(low, [name.casefold() for name in names], n=_MOST, cutoff=0.6)
    by_fold = {name.casefold(): name for name in reversed(names)}
    return tuple(dict.fromkeys([*begun, *(by_fold[one] for one in alike)]))[:_MOST]


def did_you_mean(typed: str, known: Iterable[str], otherwise: str) -> str:
    """A next step: the nearest names as a question, then what to do in any case.

    Parameters
    ----------
    typed : str
    known : iterable of str
    otherwise : str
        A sentence, such as which names there are.
    """
    found = nearest(typed, known)
    return f"Did you mean {' or '.join(found)}? {otherwise}" if found else otherwise


def find_incident_folders(below: Path, depth: int = 1) -> list[Path]:
    """Incident folders below a folder, by name; of a folder with very many, some.

    Parameters
    ----------
    below : Path
    depth : int
        How many levels down; an incident folder itself is not looked into.
    """
    try:
        inside = [path for path in sorted(below.iterdir())[:_LOOKED_AT] if path.name[:1] != "." and path.is_dir()]
    except OSError:
        return []
    found = []
    for path in inside:
        if (path / _INCIDENT).is_file():
            found.append(path)
        elif depth > 1:
            found += find_incident_folders(path, depth - 1)
    return found


def suggest_folder(directory: Path) -> str:
    """Which incident folder is meant by one that is none: those inside it, or one of a name like it; empty for none."""
    inside = find_incident_folders(directory) if directory.is_dir() else []
    if inside:
        shown = ", ".join(str(path) for path in inside[:_MOST])
        more = f" and {len(inside) - _MOST:,} more" if len(inside) > _MOST else ""
        return f"It holds incident folders, name one: {shown}{more}"
    if directory.exists():
        return ""
    around = [directory.parent, *(path for path in (Path("incidents"), Path("demo")) if path != directory.parent)]
    paths = {path.name: path for place in reversed(around) for path in find_incident_folders(place)}
    found = nearest(directory.name, paths)
    return f"Did you mean {' or '.join(str(paths[name]) for name in found)}?" if found else ""
