"""What a process of dlqkit's own does not import, though a library that it uses would."""

from __future__ import annotations

import sys

__all__ = ["leave_out_grammars"]


def leave_out_grammars() -> None:
    """Leave out the packages by which ``jsonschema`` checks the forms ``iri`` and ``duration``, unless they are there.

    Where they are installed, importing ``jsonschema`` compiles the grammars of the one, which takes more than a second,
    and imports with the other the names of months in a hundred languages, which takes a tenth of one. No schema of
    dlqkit and no notebook asks for these forms. Only for a process that is ours: elsewhere somebody may ask.
    """
    for name in ("rfc3987_syntax", "isoduration"):
        # An entry that is None is how Python says that a module cannot be imported; jsonschema then goes without it.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
