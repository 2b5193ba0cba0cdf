"""Whether what is about to leave the machine holds a secret of the settings, whatever kept it out before."""

from __future__ import annotations

from collections.abc import Mapping

from dlqkit.errors import EvidenceError
from dlqkit.settings import Settings
from dlqkit.sources.known_secrets import known_secrets
from dlqkit.sources.masking import Masks
from dlqkit.untrusted import for_terminal

__all__ = ["check_exports"]

# A shorter text stands by chance in a figure's Base64, or is a word of the report.
_SHORTEST = 8


def check_exports(contents: Mapping[str, bytes], settings: Settings) -> None:
    """Refuse to write exports that hold a secret which the settings name and that can be had now.

    Parameters
    ----------
    contents : mapping
        What is to be written, by its name.
    settings : Settings
        Secrets of fewer than eight letters are not looked for.

    Raises
    ------
    EvidenceError
        With the name, and never with what was found. All ways of writing a secret are looked for in which sources mask
        it: as it is, for a URL, JSON, HTML or CSV, in Base64, and over lines.
    """
    masks = Masks([secret for secret in known_secrets(settings) if len(secret) >= _SHORTEST])
    for name, content in contents.items():
        if masks and masks.apply(content)[1]:
            raise EvidenceError(
                f"A secret of the settings stands in {for_terminal(name)}, which was not written.",
                "Collect again, which masks it, or find it in what people wrote; then give the service a new one.",
            )
