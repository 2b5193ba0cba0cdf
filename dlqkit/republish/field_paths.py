"""Fields of a payload by name: written so that a dot within a name is not taken for one between two."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["escape_name", "is_field_or_beside", "read_names"]

# Between the names of a path there are dots, and after one the place in a list, ``[0]``; within a name these have a
# backslash before them.
_MARKS = re.compile(r"[.\\\[]")
_PARTS = re.compile(r"\\.|[^.\\]+|\.", re.DOTALL)
_PLACE = re.compile(r"\[[0-9]*\]")
_ROOT = "payload."


def escape_name(name: str) -> str:
    r"""A field's name as a part of a path: ``a.b`` is written ``a\.b``."""
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", name)


def read_names(path: str) -> list[str]:
    """The names of a path, the root among them; the inverse of ``escape_name`` with dots between."""
    names = [""]
    for part in _PARTS.findall(path):
        if part == ".":
            names.append("")
        else:
            names[-1] += part[1:] if part[0] == "\\" else part
    return names


def is_field_or_beside(names: Sequence[str], field: str) -> bool:
    """Whether names lead to a field, to a part of it, or to something that it is a part of.

    Parameters
    ----------
    names : sequence of str
        From the payload's root on, without places in lists.
    field : str
        As people write it: ``customer.id``, ``payload.customer.id``, ``items[].sku``.

    Returns
    -------
    bool
        Where the field can be read in several ways, such as a name with a dot or a field that is called ``payload``,
        true if one of them is so.
    """
    whole = ".".join(names)
    parts = {".".join(names[:count]) for count in range(1, len(names) + 1)}
    for written in (field, _PLACE.sub("", field)):
        # Whoever wrote it may not know of the backslashes.
        for text in {written, ".".join(read_names(written))}:
            for own in {text, text.removeprefix(_ROOT)}:
                if own == "payload" or not names or own in parts or own.startswith(f"{whole}."):
                    return True
    return False
