"""One request to Jira: the secret to its address alone, bounded in time and size, patient where Jira asks for it."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
import urllib3

from dlqkit.errors import AccessDenied, DlqkitError, ParameterError, SourceUnavailable, UnexpectedAnswer
from dlqkit.settings import SecretReference
from dlqkit.sources.http import check_url, describe_body, shown_url
from dlqkit.sources.masking import Masks
from dlqkit.sources.packed_bodies import body_of
from dlqkit.sources.secrets import resolve_secret
from dlqkit.sources.timed_reads import OneAnswer, TimedAdapter, within
from dlqkit.untrusted import shorten

__all__ = ["JiraClient"]

# Version 2 takes a comment as wiki text, on Cloud and on Data Center; version 3, which is Cloud's alone, has the same
# operations, and takes a document instead (developer.atlassian.com/cloud/jira/platform/rest/v3/intro, "Version").
_API = "/rest/api/2"
_CONNECT_S, _SILENCE_S = 10.0, 30.0
# Of reading one answer: a timeout of requests is of one read, so that a trickle never ends by it.
DEADLINE_S = 60.0
MOST_BYTES = 32 << 20
# What Jira may ask to wait (developer.atlassian.com/cloud/jira/platform/rate-limiting); longer is for a person to wait.
MOST_WAITED_S, TRIES = 60.0, 3
_PAUSE_S = 1.0
_LONGEST_REASON = 300
_AGAIN = "Run the same command again: what is in the ticket by then is not added twice."


class _Repeat(Exception):
    """A refusal that may pass; ``error`` is what is raised when it does not."""

    def __init__(self, error: DlqkitError, wait_s: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


class JiraClient:
    """Asks one Jira.

    Parameters
    ----------
    url : str
        Such as ``https://team.atlassian.net``.
    token : SecretReference or str
        An API token with ``user``, else a personal access token.
    user : str, optional
        The e-mail address of the token's owner, for Cloud.
    ca_file : Path, optional
        Certificates of the company's own authority.
    wait : callable
        Waits so many seconds.
    deadline_s : float
        Of reading one answer.

    Raises
    ------
    ParameterError
        If the address cannot be used, or the secret cannot be had.
    """

    def __init__(
        self,
        url: str,
        token: SecretReference | str,
        user: str | None = None,
        *,
        ca_file: Path | None = None,
        wait: Callable[[float], None] = time.sleep,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.url = check_url(url, setting="tickets.url", has_secret=True)
        self._name = f"Jira at {shown_url(self.url)}"
        self._wait, self._deadline_s = wait, deadline_s
        self._session = OneAnswer()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimedAdapter())
        self._session.trust_env = False  # no .netrc and no proxy of the environment: both would see the token
        self._session.headers.update({"User-Agent": "dlqkit", "Accept": "application/json"})
        secret = resolve_secret(token)
        self._masks = Masks({secret})
        if user is not None:
            # Bytes: a user's name may be no Latin-1.
            self._session.auth = requests.auth.HTTPBasicAuth(user.encode(), secret.encode())
        else:
            self._session.headers["Authorization"] = f"Bearer {secret}"
        if ca_file is not None:
            if not ca_file.is_file():
                raise ParameterError(f"The CA file {ca_file} does not exist.", "Check tickets.ca_file.")
            self._session.verify = str(ca_file)

    def __repr__(self) -> str:
        return f"JiraClient({shown_url(self.url)!r})"

    def ask(self, method: str, path: str, *, ticket: str = "", **more: Any) -> dict[str, Any]:
        """The answer to one request, below version 2 of the API.

        Parameters
        ----------
        method, path : str
        ticket : str
            Named where it is not found.
        **more
            As ``requests`` takes them: ``params``, ``json``, ``files``, ``headers``.

        Returns
        -------
        dict
            An answer that is an array stands under ``values``.

        Notes
        -----
        A question is asked again where Jira has a fault or cannot be reached; a write is not, since it may have been
        carried out: only where Jira says that it was too early (429) is it sent again.
        """
        for attempt in range(1, TRIES + 1):
            try:
                return self._ask(method, path, ticket, more)
            except _Repeat as again:
                if attempt == TRIES or again.wait_s > MOST_WAITED_S:
                    raise again.error from again.__cause__
                self._wait(again.wait_s)
        raise AssertionError("the last try returns or raises")

    def _ask(self, method: str, path: str, ticket: str, more: Mapping[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + self._deadline_s
        try:
            with within(self._deadline_s), self._session.request(
                method, f"{self.url}{_API}/{path}", timeout=(_CONNECT_S, _SILENCE_S), allow_redirects=False,
                stream=True, **more,
            ) as answer:  # fmt: skip
                body = self._read(answer)
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError):
            problem = f"The certificate of {self._name} is not accepted."
            raise SourceUnavailable(problem, "Name the company's own authority as tickets.ca_file.") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if time.monotonic() > deadline:
                raise self._late() from None
            # Neither the request nor its cause is shown: both may hold the token.
            lost = SourceUnavailable(f"{self._name} cannot be reached, or broke off ({type(error).__name__}).", _AGAIN)
            raise (_Repeat(lost, _PAUSE_S) if method == "GET" else lost) from None
        self._check(answer, body, method, ticket)
        return self._decode(body)

    def _read(self, answer: requests.Response) -> bytes:
        deadline = time.monotonic() + self._deadline_s
        chunks, size = [], 0
        for chunk in body_of(answer.raw):
            chunks.append(chunk)
            size += len(chunk)
            if size > MOST_BYTES:
                raise UnexpectedAnswer(
                    f"{self._name} answers with more than {MOST_BYTES >> 20} MiB.", "Check tickets.url."
                )
            if time.monotonic() > deadline:
                raise self._late()
        return b"".join(chunks)

    def _late(self) -> SourceUnavailable:
        return SourceUnavailable(f"{self._name} was not done answering after {self._deadline_s:.0f} s.", _AGAIN)

    def _check(self, answer: requests.Response, body: bytes, method: str, ticket: str) -> None:
        status, reason = answer.status_code, self._reason(body)
        if 200 <= status < 300:
            return
        if status in {401, 403}:
            step = "Check tickets.user and the token, and whether its owner may comment and attach."
            # Atlassian, "Basic auth for REST APIs": after failed logins Jira wants a CAPTCHA, which no client can give.
            if "AUTHENTICATION_DENIED" in answer.headers.get("X-Seraph-LoginReason", ""):
                step = "Log in with a browser once: Jira wants a CAPTCHA after so many failed logins."
            raise AccessDenied(f"{self._name} refuses access ({status}){reason}.", step)
        if status == 404:
            what = f"has no ticket {ticket}, or does not show it" if ticket else "has nothing there (404)"
            raise ParameterError(f"{self._name} {what}.", "Check the key, tickets.url, and the rights of the token.")
        if status == 413:
            problem = f"{self._name}, or what stands before it, takes no file of this size{reason}."
            raise ParameterError(problem, "Attach fewer formats: --format html")
        if status == 429:
            wait_s = _retry_after(answer.headers)
            later = SourceUnavailable(f"{self._name} asks to wait for {wait_s:,.0f} s.", f"Wait as long. {_AGAIN}")
            raise _Repeat(later, wait_s)
        if 300 <= status < 400:
            problem = f"{self._name} sends us on to another address ({status}); nothing was sent there."
            raise UnexpectedAnswer(problem, "Set tickets.url to Jira's own address; it may also be a login page.")
        if status >= 500:
            fault = SourceUnavailable(f"{self._name} has a fault ({status}){reason}.", _AGAIN)
            raise _Repeat(fault, _PAUSE_S) if method == "GET" else fault
        problem = f"{self._name} refuses the request ({status}){reason}."
        raise UnexpectedAnswer(problem, "Check that the ticket is open to changes.")

    def _reason(self, body: bytes) -> str:
        """What Jira says of a refusal, ``errorMessages`` and ``errors`` of its answer, without the token."""
        masked, _ = self._masks.apply(body[:100_000])
        try:
            value = json.loads(masked)
        except (ValueError, RecursionError):
            return ""
        if not isinstance(value, dict):
            return ""
        listed, named = value.get("errorMessages"), value.get("errors")
        said = [*(listed if isinstance(listed, list) else []), *(named.values() if isinstance(named, dict) else [])]
        text = " ".join(" ".join(one.split()) for one in said if isinstance(one, str))
        return f": {shorten(text, _LONGEST_REASON).rstrip('.')}" if text.strip() else ""

    def _decode(self, body: bytes) -> dict[str, Any]:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            problem = f"{self._name} answers with {describe_body(body)}."
            raise UnexpectedAnswer(problem, "Check tickets.url; it may be a login page.") from None
        return value if isinstance(value, dict) else {"values": value}


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that Jira asks to wait; a header that says nothing usable is as none."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return _PAUSE_S
