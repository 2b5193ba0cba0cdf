"""Reports in Jira: attachments and one comment over REST, version 2, which Cloud and Data Center both have.

What is read: ``issue/KEY`` with its attachments, ``issue/KEY/comment`` and ``attachment/meta``; what is written:
``issue/KEY/attachments`` and ``issue/KEY/comment`` (developer.atlassian.com/cloud/jira/platform/rest/v2). A comment of
version 2 is wiki text; version 3 differs by its documents alone.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from dlqkit.errors import AccessDenied, ParameterError, SourceUnavailable, UnexpectedAnswer
from dlqkit.settings import SecretReference
from dlqkit.sources.http import check_url, shown_url
from dlqkit.sources.secrets import resolve_secret
from dlqkit.tickets.ticket import Attached, File, Report, check_key
from dlqkit.untrusted import for_jira

__all__ = ["Jira"]

DEADLINE_S = 30.0
# What Jira asks to wait when too much was asked of it; longer is for a person to wait.
MOST_WAITED_S, TRIES = 60.0, 3
# Comments of a page, and pages that are looked through for ours.
PAGE, PAGES = 100, 50
_TWICE = "Run the same command again: what is there by then is not attached twice."


class Jira:
    """One Jira.

    Parameters
    ----------
    url : str
        Such as ``https://team.atlassian.net``.
    token : SecretReference or str
        An API token with ``user``, else a personal access token.
    user : str, optional
        The e-mail address of the token's owner, for Cloud.
    wait : callable
        Waits so many seconds.

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
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = check_url(url, setting="tickets.url", has_secret=True) + "/rest/api/2"
        self._wait = wait
        self._session = requests.Session()
        self._session.trust_env = False  # no .netrc and no proxy of the environment: both would see the token
        self._session.headers.update({"User-Agent": "dlqkit", "Accept": "application/json"})
        secret = resolve_secret(token)
        if user is not None:
            self._session.auth = (user.encode(), secret.encode())  # type: ignore[assignment]  # bytes: a name may be no Latin-1
        else:
            self._session.headers["Authorization"] = f"Bearer {secret}"

    def __repr__(self) -> str:
        return f"Jira({shown_url(self._base)!r})"

    def attach(self, ticket: str, report: Report) -> Attached:
        """Attach the files that the ticket does not have, then comment unless the comment is there.

        Raises
        ------
        ParameterError
            If there is no such ticket, or a file is larger than Jira takes.
        AccessDenied
            If the token may not do it.
        SourceUnavailable
            If Jira cannot be reached or asks to wait for long; whether the last write arrived is looked at next time.
        UnexpectedAnswer
            If the answer is none of Jira's.
        """
        key = check_key(ticket)
        issue = self._ask("GET", f"issue/{key}", params={"fields": "attachment"}, ticket=key)
        known = {str(one.get("filename")) for one in _list(_dict(issue.get("fields")).get("attachment"))}
        missing = [file for file in report.files if file.name not in known]
        if missing:
            self._check_size(missing)
        for file in missing:
            self._ask(
                "POST", f"issue/{key}/attachments", ticket=key, headers={"X-Atlassian-Token": "no-check"},
                files={"file": (file.name, file.content, file.media_type)},
            )  # fmt: skip
        says = not self._has_comment(key, report.mark)
        if says:
            self._ask("POST", f"issue/{key}/comment", json={"body": _comment(report)}, ticket=key)
        place = f"{self._base.removesuffix('/rest/api/2')}/browse/{key}"
        return Attached(key, place, tuple(file.name for file in missing), says)

    def _check_size(self, files: list[File]) -> None:
        meta = self._ask("GET", "attachment/meta")
        if meta.get("enabled") is False:
            raise ParameterError("Attachments are switched off in this Jira.", "Ask its administrator.")
        limit = meta.get("uploadLimit")
        for file in files:
            if isinstance(limit, int) and len(file.content) > limit:
                raise ParameterError(
                    f"{file.name} has {len(file.content):,} bytes, and Jira takes {limit:,}.",
                    "Attach fewer formats (--format), or ask its administrator for more.",
                )

    def _has_comment(self, key: str, mark: str) -> bool:
        for page in range(PAGES):
            params = {"startAt": str(page * PAGE), "maxResults": str(PAGE), "orderBy": "-created"}
            answer = self._ask("GET", f"issue/{key}/comment", params=params, ticket=key)
            comments = _list(answer.get("comments"))
            if any(_mark_line(mark) in str(one.get("body")) for one in comments):
                return True
            if len(comments) == 0 or page * PAGE + len(comments) >= int(answer.get("total", 0)):
                return False
        raise UnexpectedAnswer(
            f"{key} has more than {PAGES * PAGE:,} comments, and ours may be among them.",
            "Look for it, and comment by hand.",
        )

    def _ask(self, method: str, path: str, *, ticket: str = "", **more: Any) -> dict[str, Any]:
        where = f"Jira at {shown_url(self._base)}"
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._session.request(
                    method, f"{self._base}/{path}", timeout=(10.0, DEADLINE_S), allow_redirects=False, **more
                )
            except requests.exceptions.RequestException as error:
                raise SourceUnavailable(f"{where} cannot be reached ({type(error).__name__}).", _TWICE) from None
            wait_s = _retry_after(answer.headers)
            if answer.status_code == 429 and attempt < TRIES and wait_s <= MOST_WAITED_S:
                self._wait(wait_s)
                continue
            return _read(answer, where, ticket, wait_s)
        raise AssertionError


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return 1.0


def _read(answer: requests.Response, where: str, ticket: str, wait_s: float) -> dict[str, Any]:
    status = answer.status_code
    if status in {401, 403}:
        raise AccessDenied(f"{where} refuses access ({status}).", "Check tickets.user and the token, and its rights.")
    if status == 404:
        raise ParameterError(f"{where} has no ticket {ticket}, or does not show it.", "Check the key and the rights.")
    if status == 413:
        raise ParameterError(f"{where} takes no file of this size.", "Attach fewer formats by --format.")
    if status == 429:
        raise SourceUnavailable(f"{where} asks to wait for {wait_s:,.0f} s.", "Run the same command again after that.")
    if 300 <= status < 400:
        raise UnexpectedAnswer(f"{where} sends on to another address ({status}).", "Set tickets.url to Jira's own.")
    if status >= 500:
        raise SourceUnavailable(f"{where} has a fault ({status}).", _TWICE)
    if not 200 <= status < 300:
        raise UnexpectedAnswer(f"{where} refuses the request ({status}).", "Check that the ticket can be changed.")
    try:
        value = answer.json()
    except ValueError:
        raise UnexpectedAnswer(f"{where} answers with no JSON.", "Check tickets.url.") from None
    return value if isinstance(value, dict) else {"values": value}


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _mark_line(mark: str) -> str:
    return f"dlqkit report {mark}"


def _comment(report: Report) -> str:
    lines = [f"* *{for_jira(label)}*: {for_jira(text)}" for label, text in report.lines]
    return "\n".join([*lines, "", _mark_line(report.mark)])
