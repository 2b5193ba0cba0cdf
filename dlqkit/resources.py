"""Where the notebooks and templates are: inside the wheel, else beside the package in a checkout."""

from __future__ import annotations

from pathlib import Path

from dlqkit.errors import RunError

__all__ = ["find_notebooks", "find_template"]

_PACKAGE = Path(__file__).resolve().parent


def _find_folder(name: str) -> Path:
    # An editable install has no force-included files, so a checkout is the second place to look.
    for folder in (_PACKAGE / "_resources" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise RunError(f"dlqkit was installed without its {name}.", "Install dlqkit again from its wheel or checkout.")


def find_notebooks() -> list[Path]:
    """Paths of the seven notebooks, in runbook order."""
    return sorted(_find_folder("notebooks").glob("0[1-7]_*.ipynb"))


def find_template(name: str) -> Path:
    """Path of a template, for example ``postmortem.ipynb``."""
    path = _find_folder("templates") / name
    if not path.is_file():
        raise RunError(f"dlqkit was installed without its template {name}.", "Install dlqkit again from its wheel.")
    return path
