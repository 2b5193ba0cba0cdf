"""Reports in Jira, Cloud and Data Center: attachments, and one comment in wiki text.

What is read: ``issue/KEY`` with its attachments, ``issue/KEY/comment`` and ``attachment/meta``; what is written:
``issue/KEY/attachments`` and ``issue/KEY/comment`` (developer.atlassian.com/cloud/jira/platform/rest/v2).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlqkit.errors import ParameterError, UnexpectedAnswer
from dlqkit.settings import SecretReference
from dlqkit.tickets.jira_client import DEADLINE_S, JiraClient
from dlqkit.tickets.ticket import Attached, File, Report, check_key
from dlqkit.untrusted import for_jira, shorten

__all__ = ["Jira"]

# Comments of a page, and how many are looked through for ours.
PAGE, MOST_COMMENTS = 100, 5000
# Jira takes 32,767 characters of a comment by default (jira.text.field.character.limit); escaped, a text is at most
# five times as long.
MOST_CHARACTERS, _LONGER = 32_000, 5
# Jira Service Management shows a comment to its customers, unless it is marked so.
_INTERNAL = {"key": "sd.public.comment", "value": {"internal": True}}


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
    ca_file : Path, optional
        Certificates of the company's own authority.
    internal : bool
        Whether customers of a service project may not see the comment.
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
        internal: bool = True,
        wait: Callable[[float], None] = time.sleep,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._client = JiraClient(url, token, user, ca_file=ca_file, wait=wait, deadline_s=deadline_s)
        self._internal = internal

    def __repr__(self) -> str:
        return f"Jira({self._client!r})"

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
        issue = self._client.ask("GET", f"issue/{key}", params={"fields": "attachment"}, ticket=key)
        # By name, which holds the mark: that it is attached changes a report's own checklist, and so its bytes.
        there = {str(one.get("filename")) for one in _list(_dict(issue.get("fields")).get("attachment"))}
        missing = [file for file in report.files if file.name not in there]
        if missing:
            self._check_size(missing)
        says = not self._has_comment(key, report.mark)
        for file in missing:
            self._client.ask(
                "POST", f"issue/{key}/attachments", ticket=key, headers={"X-Atlassian-Token": "no-check"},
                files={"file": (file.name, file.content, file.media_type)},
            )  # fmt: skip
        if says:
            more = {"properties": [_INTERNAL]} if self._internal else {}
            body = {"body": _comment(report), **more}
            self._client.ask("POST", f"issue/{key}/comment", json=body, ticket=key)
        return Attached(key, f"{self._client.url}/browse/{key}", tuple(file.name for file in missing), says)

    def _check_size(self, files: Sequence[File]) -> None:
        meta = self._client.ask("GET", "attachment/meta")
        if meta.get("enabled") is False:
            raise ParameterError("Attachments are switched off in this Jira.", "Ask its administrator.")
        limit = meta.get("uploadLimit")
        for file in files:
            if isinstance(limit, int) and len(file.content) > limit:
                raise ParameterError(
                    f"{file.name} has {len(file.content):,} bytes, and Jira takes {limit:,}.",
                    "Attach fewer formats (--format html), or ask its administrator for more.",
                )

    def _has_comment(self, key: str, mark: str) -> bool:
        """Whether a comment ends with the mark; the newest are looked at first."""
        seen = 0
        while seen < MOST_COMMENTS:
            params = {"startAt": str(seen), "maxResults": str(PAGE), "orderBy": "-created"}
            answer = self._client.ask("GET", f"issue/{key}/comment", params=params, ticket=key)
            if not isinstance(answer.get("comments"), list):
                raise UnexpectedAnswer(f"Jira does not list the comments of {key}.", "Check tickets.url.")
            comments = _list(answer["comments"])
            if any(_mark_line(mark) in str(one.get("body")) for one in comments):
                return True
            # By what came, not by what was asked: a server may give fewer at once.
            seen += len(answer["comments"])
            total = answer.get("total")
            if not answer["comments"] or (isinstance(total, int) and seen >= total):
                return False
        raise UnexpectedAnswer(
            f"{key} has more than {MOST_COMMENTS:,} comments, and ours may be among them.",
            "Look for it, and comment by hand.",
        )


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _mark_line(mark: str) -> str:
    return f"dlqkit report {mark}"


def _comment(report: Report) -> str:
    longest = MOST_CHARACTERS // (_LONGER * max(len(report.lines), 1))
    lines = [f"* *{for_jira(label)}*: {for_jira(shorten(text, longest))}" for label, text in report.lines]
    return "\n".join([*lines, "", _mark_line(report.mark)])
