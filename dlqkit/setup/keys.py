"""Where a key may be: variables, files and keyring entries that are there, by their names alone."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from dlqkit.errors import ParameterError
from dlqkit.settings import SecretReference
from dlqkit.sources.secrets import is_there

__all__ = ["FORMS", "find_keys", "is_expected", "read_reference", "reference_table", "reference_text"]

FORMS = "env:NAME, file:/PATH, keyring:NAME or command:PROGRAM ARGUMENTS"
# The names that this documentation uses, and the usual ones; a key under one of them is meant for this source.
_EXPECTED: Mapping[str, tuple[str, ...]] = {
    "execution_logs": ("DLQKIT_API_KEY", "EXECUTION_LOGS_API_KEY", "EXECUTION_LOGS_KEY"),
    "prometheus": ("PROMETHEUS_TOKEN", "DLQKIT_PROMETHEUS_TOKEN", "PROMETHEUS_BEARER_TOKEN"),
}
_LIKELY: Mapping[str, re.Pattern[str]] = {
    "execution_logs": re.compile(r"(?:EXEC|DLQ|LOGS|WORKER|X_API).*(?:KEY|TOKEN)$|^API_KEY$"),
    "prometheus": re.compile(r"(?:PROM|METRICS|MIMIR|THANOS|GRAFANA).*(?:KEY|TOKEN)$"),
}
_FILES: Mapping[str, tuple[str, ...]] = {
    "execution_logs": ("api-key", "execution-logs.key"),
    "prometheus": ("prometheus-token", "prometheus.key"),
}
# Where Docker and Kubernetes put secrets.
_MOUNTS = (Path("/run/secrets"), Path("/var/run/secrets/dlqkit"))
# Settings of dlqkit's own, which hold references and no secret.
_OWN = re.compile(r"^DLQKIT_[A-Z0-9_]+__")


def find_keys(
    source: str, environ: Mapping[str, str], *, folders: Collection[Path] | None = None
) -> tuple[SecretReference, ...]:
    """References to keys that may be the source's, the likeliest first; what they hold is not told.

    Parameters
    ----------
    source : str
        ``execution_logs`` or ``prometheus``.
    environ : mapping
        The environment; its names are looked at.
    folders : collection of Path, optional
        Where files are looked for; the user's configuration folder and the usual mounts by default.
    """
    exact = [name for name in _EXPECTED[source] if environ.get(name, "").strip()]
    likely = sorted(
        name for name, value in environ.items()
        if value.strip() and name not in exact and _LIKELY[source].search(name) and not _OWN.match(name)
    )  # fmt: skip
    other = next(name for name in _EXPECTED if name != source)
    names = [*exact, *(name for name in likely if name not in _EXPECTED[other])]
    found = [SecretReference(env=name) for name in names]
    places = (platformdirs.user_config_path("dlqkit", appauthor=False), *_MOUNTS) if folders is None else folders
    found += [
        SecretReference(file=path) for folder in places for name in _FILES[source] if _is_file(path := folder / name)
    ]
    if importlib.util.find_spec("keyring") is not None:
        found.append(SecretReference(keyring=source.replace("_", "-")))
    return tuple(reference for reference in found if is_there(reference))


def is_expected(source: str, reference: SecretReference) -> bool:
    """Whether its name says that it is for this source, so that nobody need be asked."""
    return reference.env is None or reference.env in _EXPECTED[source]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def read_reference(text: str) -> SecretReference:
    """A reference as it is typed: ``env:NAME``, ``file:/PATH``, ``keyring:NAME``, ``command:PROGRAM ARGUMENTS``.

    Raises
    ------
    ParameterError
        If it is none; the text is not shown, since it may be the key itself.
    """
    kind, _, rest = text.strip().partition(":")
    rest = rest.strip()
    wrong = ParameterError("That does not say where a key is.", f"Write it as {FORMS}; never the key itself.")
    if not rest or kind not in {"env", "file", "keyring", "command"}:
        raise wrong
    if kind == "command":
        try:
            return SecretReference(command=tuple(shlex.split(rest)))
        except ValueError:
            raise wrong from None
    if kind == "file":
        path = Path(rest).expanduser()
        if not path.is_absolute():
            raise ParameterError("The file of the key is not named from / on.", "Write it as file:/PATH.")
        return SecretReference(file=path)
    if kind == "env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rest):
        raise wrong
    return SecretReference(env=rest) if kind == "env" else SecretReference(keyring=rest)


def reference_text(reference: SecretReference) -> str:
    """As ``read_reference`` reads it."""
    values: dict[str, Any] = reference.model_dump(exclude_none=True)
    (kind, where), *_ = values.items()
    return f"{kind}:{shlex.join(where) if kind == 'command' else where}"


def reference_table(reference: SecretReference) -> dict[str, Any]:
    """As it stands in ``dlqkit.toml``."""
    values: dict[str, Any] = json.loads(reference.model_dump_json(exclude_none=True))
    return values
