"""What a process of dlqkit's own does not import, though a library that it uses would."""

from __future__ import annotations

import sys

__all__ = ["leave_out_grammars"]


def leave_out_grammars() -> None:
    """Leave out the package by which ``jsonschema`` checks the form ``iri``, unless it is imported already.

    Where it is installed, importing ``jsonschema`` compiles its grammars, which takes more than a second. No schema of
    dlqkit and no notebook asks for that form. Only for a process that is ours: elsewhere somebody may ask.
    """
    # An entry that is None is how Python says that a module cannot be imported; jsonschema then goes without it.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
