"""What an answer says against itself: that it failed, or that it is not whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dlqkit.language import in_english, mark
from dlqkit.sources.page_markers import read_flag, read_whole
from dlqkit.sources.record_fields import names_of, normal
from dlqkit.untrusted import for_terminal, shorten

__all__ = ["find_failure", "find_shortfall", "is_word", "tells_of_faults"]

# Names are looked for without case, dashes and underscores.
_ERRORS = ("error", "errors", "err", "errormessage", "fault", "exception")
_SHARDS = "shards"
_WORKED = ("success", "succeeded", "successful", "issuccess", "issuccessful", "ok")
_STATUSES = ("status", "statuscode", "code", "httpstatus", "httpstatuscode", "httpcode")
_FAILED = frozenset({"error", "fail", "failed", "failure"})
_MESSAGES = ("message", "msg", "errormessage", "detail", "reason", "error")
_WORDS = (*_MESSAGES, "description", "title", "type", "code")
# What an API says of a place behind its last record, by a code or a word of failure.
_NO_MORE_CODES = frozenset({204, 404, 416})
_NO_MORE = re.compile(
    r"(?:no|there are no) (?:more |further |matching |such )?(?:data|records?|results?|rows?|items?|entries|logs?"
    r"|executions?|documents?|pages?|content|matches)(?: (?:was|were|are|is))?(?: found| available| left)?"
    r"(?: (?:for|in|with|on) .*)?"
    r"|(?:data|records?|results?|rows?|items?|entries|executions?|pages?) not found|nothing(?: was)? found"
    r"|(?:page )?out of range|end of (?:data|list|results)"
)
# Words by which executions are asked for, so that without a message they are the question's.
_ASKED_FOR = frozenset({"fail", "failed", "failure"})
_NOTHING = frozenset({"", "0", "none", "null", "false", "no", "ok", "success"})
_NOT_WHOLE = (("partial", True), ("ispartial", True), ("partialresults", True), ("timedout", True),
              ("incomplete", True), ("isincomplete", True), ("incompleteresults", True), ("terminatedearly", True),
              ("complete", False), ("iscomplete", False))  # fmt: skip
# Where pages follow, a page that is cut says no more than that.
_CUT = ("truncated", "istruncated", "resultstruncated")
# Beside one of these, a status is that of a workflow or of a single execution.
_OF_ONE = frozenset(names_of("record_id")) | frozenset(names_of("workflow_id")) | frozenset(names_of("trace_id"))
_LONGEST = 120
_LOOKED_AT = frozenset({*_ERRORS, *_WORKED, *_STATUSES, *_MESSAGES, *(name for name, _ in _NOT_WHOLE), *_CUT})


def tells_of_faults(name: str) -> bool:
    """Whether what stands under this name says how the answer came about, be it an object or a list."""
    return normal(name) in (*_ERRORS, _SHARDS)


def is_word(name: str) -> bool:
    """Whether a plain value under this name is looked at here."""
    return normal(name) in _LOOKED_AT


def find_failure(wrapper: Mapping[str, Any]) -> str | None:
    """In which words, or by which value, an answer says that it failed; None if it does not.

    That nothing is there, as of a place behind the last record, is no failure. The words may be anybody's: they are
    shortened, and safe for a terminal.
    """
    said = {normal(name): value for name, value in wrapper.items()}
    if read_whole(said.get("errors")) is not None:
        # It may be how many records have one.
        del said["errors"]
    found = next((said[name] for name in _ERRORS if not _is_nothing(said.get(name))), None)
    if found is not None:
        return _shown(_words(found) or _beside(said) or "error")
    beside = _beside(said)
    if _NO_MORE.fullmatch(_lower(beside).rstrip(".!")):
        return None
    for name in _WORKED:
        # A number may be one of records, too.
        if read_whole(said.get(name)) is None and read_flag(said.get(name)) is False:
            return _shown(beside or f"{name}: false")
    for name in _STATUSES:
        number = read_whole(said.get(name))
        word = _lower(said.get(name)) if name == "status" and _OF_ONE.isdisjoint(said) else ""
        is_failed = word in _FAILED and bool(beside or word not in _ASKED_FOR)
        is_no_more = number in _NO_MORE_CODES and not beside
        if is_failed or (number is not None and 400 <= number < 600 and not is_no_more):
            return _shown(beside or f"{name}: {said[name]}")
    return None


def find_shortfall(wrapper: Mapping[str, Any], *, is_last: bool = False) -> str | None:
    """A sentence, in English, that the answer says it is not whole; None if it says nothing of that.

    Parameters
    ----------
    wrapper : mapping
        What stands beside the records.
    is_last : bool
        Whether no page followed: then also one that calls itself cut.
    """
    said = {normal(name): (name, value) for name, value in wrapper.items()}
    words = [name for name, bad in _NOT_WHOLE if name in said and read_flag(said[name][1]) is bad]
    words += [name for name in _CUT if is_last and name in said and read_flag(said[name][1])]
    if words:
        text = mark("The API says of an answer that it is not whole: “{name}”.")
        return in_english(text, name=_shown(said[words[0]][0]))
    _, shards = said.get(_SHARDS, ("", None))
    failed = read_whole(shards.get("failed")) if isinstance(shards, Mapping) else None
    if failed:
        return in_english(mark("The API says that {count} of its shards failed."), count=failed)
    failure = find_failure(wrapper)
    if failure is None:
        return None
    return in_english(mark("The API gave records and said beside them that it failed: {said}"), said=failure)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_nothing(one) or _is_count(name, one) for name, one in value.items())
    if isinstance(value, list):
        return all(map(_is_nothing, value))
    return not value or (isinstance(value, str) and _lower(value) in _NOTHING)


def _is_count(name: Any, value: Any) -> bool:
    """Whether a number says nothing of a fault: how many there are, or a code of success."""
    number = read_whole(value)
    return number is not None and (normal(str(name)) not in _STATUSES or 200 <= number < 300)


def _words(value: Any) -> str:
    """The message in an error, or in what holds it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return next((text for text in map(_words, value) if text), "")
    if isinstance(value, Mapping):
        by_name = {normal(name): one for name, one in value.items()}
        found = (_words(one) for one in (*map(by_name.get, _WORDS), *value.values()) if not _is_nothing(one))
        return next((text for text in found if text), "")
    number = read_whole(value)
    return "" if number is None else f"{number:.15g}"


def _beside(said: Mapping[str, Any]) -> str:
    """The message of an answer that says by another value that it failed."""
    return next((said[name] for name in _MESSAGES if isinstance(said.get(name), str) and said[name].strip()), "")


def _lower(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _shown(text: str) -> str:
    return for_terminal(shorten(" ".join(text.split()), _LONGEST))
