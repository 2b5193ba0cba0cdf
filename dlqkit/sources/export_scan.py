"""Whether what is about to be written holds a secret of the settings, whatever kept it out before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dlqkit.errors import EvidenceError
from dlqkit.settings import SecretReference, Settings
from dlqkit.sources.known_secrets import known_secrets
from dlqkit.sources.masking import Masks
from dlqkit.untrusted import for_terminal

__all__ = ["check_exports", "find_secret"]

# A shorter text stands by chance in a figure's Base64, or is a word of the report.
_SHORTEST = 8


def check_exports(contents: Mapping[str, bytes], settings: Settings, *, edited: Path | None = None) -> None:
    """Refuse to write exports that hold a secret which the settings name and that can be had now.

    Parameters
    ----------
    contents : mapping
        What is to be written, by its name.
    settings : Settings
        Secrets of fewer than eight letters are not looked for.
    edited : Path, optional
        A file that people wrote of which some of it is; where the secret stands there, that is what to mend.

    Raises
    ------
    EvidenceError
        With the name, and never with what was found. All ways of writing a secret are looked for in which sources mask
        it: as it is, for a URL, JSON, HTML or CSV, in Base64, and over lines.
    """
    masks = _masks(known_secrets(settings))
    name = _first_with_secret(contents, masks)
    if name is None:
        return
    problem = f"A secret of the settings stands in {for_terminal(name)}, which was not written."
    if edited is not None and masks.apply(_read(edited))[1]:
        raise EvidenceError(problem, f"Take it out of {edited.name}, where it stands; then give the service a new one.")
    raise EvidenceError(
        problem, "Collect again, which masks it, or find it in what people wrote; then give the service a new one."
    )


def find_secret(texts: Mapping[str, bytes], settings: Settings, *, asking: bool) -> str | None:
    """The name of the first text that holds a secret which the settings name and that can be had now.

    Parameters
    ----------
    texts : mapping
        What somebody typed, by the name of its option.
    settings : Settings
        As for ``check_exports``.
    asking : bool
        Whether secrets of commands and keyrings are looked for too, at which a person may be asked for a passphrase.
    """

    def is_looked_up(reference: SecretReference) -> bool:
        if reference.file is not None:
            return _is_regular(reference.file)
        return asking or reference.env is not None

    # Most are names and ids too short to hold one, and then no secret is looked up at all.
    long = {name: text for name, text in texts.items() if len(text) >= _SHORTEST}
    return _first_with_secret(long, _masks(known_secrets(settings, is_looked_up=is_looked_up))) if long else None


def _masks(secrets: tuple[str, ...]) -> Masks:
    return Masks([secret for secret in secrets if len(secret) >= _SHORTEST])


def _first_with_secret(contents: Mapping[str, bytes], masks: Masks) -> str | None:
    return next((name for name, content in contents.items() if masks and masks.apply(content)[1]), None)


def _is_regular(path: Path) -> bool:
    """A pipe waits for who writes into it, and gives what it has to the first that reads it."""
    try:
        return path.expanduser().is_file()
    except (OSError, RuntimeError, ValueError):
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
