"""Every secret that the settings name, for what masks them and for what looks whether an export holds one."""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache

from dlqkit.errors import ParameterError
from dlqkit.settings import SecretReference, Settings
from dlqkit.sources.secrets import resolve_secret

__all__ = ["TENANT_HEADERS", "known_secrets", "resolve_once"]

TENANT_HEADERS = frozenset({"x-scope-orgid", "thanos-tenant"})
"""A tenant (of Cortex, Mimir, Loki; of Thanos) is a word such as “payments”: no secret, and it would be missed."""
# Names of parameters that hold no word: api_key, access_token, sig, X-Amz-Signature; not partition_key.
_CREDENTIAL = re.compile(
    r"^(?:auth|key|sig)$|passw|pwd|secret|token|signature|credential|(?:api|access|auth|private)[_-]?key", re.IGNORECASE
)


def resolve_once(reference: SecretReference) -> str:
    """The secret; a person who was asked once for a passphrase is not asked again."""
    if reference.command is not None or reference.keyring is not None:
        known = _asked_once(reference)
        if known is not None:
            return known
    return resolve_secret(reference)


def known_secrets(
    settings: Settings, *, is_looked_up: Callable[[SecretReference], bool] = lambda _: True
) -> tuple[str, ...]:
    """Every secret that the settings name and that can be had, to be masked wherever it turns up.

    One that cannot be had is left out here: the source that needs it says so when it is asked.

    Parameters
    ----------
    settings : Settings
    is_looked_up : callable, optional
        Whether a secret is looked up where it is; all are by default.
    """
    found: dict[str, None] = dict.fromkeys(_in_addresses(settings))
    auth = settings.prometheus.auth
    basic = None if auth is None else auth.basic
    for reference in filter(is_looked_up, _references(settings)):
        text = _of(reference)
        if text is not None:
            found[text] = None
    if basic is not None and is_looked_up(basic.password) and (password := _of(basic.password)) is not None:
        # As it stands in a header.
        found[base64.b64encode(f"{basic.user}:{password}".encode()).decode()] = None
    return tuple(found)


def _references(settings: Settings) -> Iterator[SecretReference]:
    # Reading needs none of these two, so nobody is asked for a passphrase for them.
    http = settings.republish.http
    for reference in (settings.tickets.token, http.bearer if http is not None else None):
        if reference is not None and (reference.env is not None or reference.file is not None):
            yield reference
    if settings.execution_logs.url is not None and settings.execution_logs.api_key is not None:
        yield settings.execution_logs.api_key
    own = settings.prometheus
    if own.url is None:
        return
    if own.auth is not None and own.auth.bearer is not None:
        yield own.auth.bearer
    if own.auth is not None and own.auth.basic is not None:
        yield own.auth.basic.password
    yield from (reference for name, reference in own.headers.items() if name.lower() not in TENANT_HEADERS)


def _in_addresses(settings: Settings) -> Iterator[str]:
    """Passwords that stand in the query of an address, as a worker's page may want them."""
    for url in (settings.execution_logs.url, settings.prometheus.url, *settings.worker.metrics_urls):
        with suppress(ValueError):
            for name, text in urllib.parse.parse_qsl(urllib.parse.urlsplit(url or "").query):
                if _CREDENTIAL.search(name):
                    yield text


def _of(reference: SecretReference) -> str | None:
    if reference.command is not None or reference.keyring is not None:
        return _asked_once(reference)
    try:
        return resolve_secret(reference)
    except ParameterError:
        return None


@lru_cache(maxsize=32)
def _asked_once(reference: SecretReference) -> str | None:
    """A command or keyring may ask a person for a passphrase, which is not wanted once for every source."""
    try:
        return resolve_secret(reference)
    except ParameterError:
        return None
