"""Secrets are looked up here and nowhere else; a message never holds one."""

from __future__ import annotations

import os
import re
import subprocess

from dlqkit.errors import ParameterError
from dlqkit.settings import SecretReference
from dlqkit.sources.masking import Masks

__all__ = ["is_there", "mask_resolved", "resolve_secret"]

_COMMAND_TIMEOUT_S = 30.0
_MAX_FILE_BYTES = 65_536
# Of this process, so that the lines of a crash hold none of them, whatever library failed over one.
_RESOLVED: set[str] = set()
# What may stand in an HTTP header's value without changing its meaning (RFC 9110, section 5.5).
_SENDABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


def resolve_secret(reference: SecretReference | str) -> str:
    """The secret that a reference names; plain text is returned as it is, checked.

    Raises
    ------
    ParameterError
        If it is not there, is empty, or has characters that no header can carry; never with its value.
    """
    if isinstance(reference, str):
        return _checked(reference, "The key that was given")
    if reference.env is not None:
        value = os.environ.get(reference.env)
        if value is None:
            raise ParameterError(
                f"The environment variable {reference.env}, which is to hold the secret, is not set.",
                f"Set it: export {reference.env}=…",
            )
        return _checked(value, f"The environment variable {reference.env}")
    if reference.file is not None:
        return _from_file(reference)
    if reference.command is not None:
        return _from_command(reference.command)
    return _from_keyring(str(reference.keyring))


def is_there(reference: SecretReference) -> bool:
    """Whether the secret can be had now; nothing of it is told."""
    try:
        resolve_secret(reference)
    except ParameterError:
        return False
    return True


def _checked(value: str, where: str) -> str:
    secret = value.strip()
    if not secret:
        raise ParameterError(f"{where} is empty.", "Put the secret there.")
    if not _SENDABLE.fullmatch(secret):
        raise ParameterError(
            f"{where} has a line break, a control character or a letter outside ASCII.",
            "Store the secret alone, on one line.",
        )
    _RESOLVED.add(secret)
    return secret


def mask_resolved(text: str) -> str:
    """The text with every secret masked that was looked up since the program began."""
    return Masks(_RESOLVED).text(text)


def _from_file(reference: SecretReference) -> str:
    assert reference.file is not None
    path = reference.file.expanduser()
    try:
        with path.open("rb") as file:
            body = file.read(_MAX_FILE_BYTES + 1)
        if len(body) > _MAX_FILE_BYTES:
            raise ParameterError(f"The secret's file {path} is too long to be one.", "Name the right file.")
        text = body.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ParameterError(
            f"The secret's file {path} cannot be read: {reason}.", "Check the path and its permissions."
        ) from None
    return _checked(text, f"The secret's file {path}")


def _from_command(command: tuple[str, ...]) -> str:
    if not command:
        raise ParameterError("The command that is to print the secret is empty.", "Name the program and its arguments.")
    program = command[0]
    try:
        done = subprocess.run(  # a list and no shell: nothing in the settings is interpreted
            list(command), capture_output=True, timeout=_COMMAND_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
        text = done.stdout.decode("utf-8")
    except subprocess.TimeoutExpired:
        raise ParameterError(
            f"The command {program}, which is to print the secret, took more than {_COMMAND_TIMEOUT_S:.0f} s.",
            f"Run {program} yourself once: it may ask for a passphrase.",
        ) from None
    except UnicodeDecodeError:
        raise ParameterError(f"The command {program} printed no text.", "Check its arguments.") from None
    except OSError as error:
        raise ParameterError(
            f"The command {program}, which is to print the secret, cannot be run: {error.strerror}.",
            "Check its name and that it is installed.",
        ) from None
    if done.returncode:
        raise ParameterError(
            f"The command {program}, which is to print the secret, ended with code {done.returncode}.",
            f"Run {program} yourself and see what it says.",
        )
    return _checked(text, f"The answer of the command {program}")


def _from_keyring(name: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ParameterError(
            "A secret is in the keyring, and the keyring package is not installed.",
            "Install it: pip install 'dlqkit[keyring]'; or use { env = … }, { file = … } or { command = … }.",
        ) from None
    try:
        value = keyring.get_password("dlqkit", name)
    except KeyringError as error:
        raise ParameterError(
            f"The keyring cannot be read: {type(error).__name__}.", "Unlock it, or use { env = … }."
        ) from None
    if value is None:
        raise ParameterError(
            f"The keyring has no entry “{name}” of the service dlqkit.", f"Store it: keyring set dlqkit {name}"
        )
    return _checked(str(value), f"The keyring's entry “{name}”")
