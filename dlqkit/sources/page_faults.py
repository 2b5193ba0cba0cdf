"""What an answer says against itself: that it failed, or that it is not whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dlqkit.language import in_english, mark
from dlqkit.sources.page_markers import read_flag, read_whole
from dlqkit.sources.record_fields import names_of, normal
from dlqkit.untrusted import shorten

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
    # What was asked for, and no further clause; a colon may stand in a time.
    r"(?: (?:for|in|with|on)(?: (?:[^ :,;]|(?<=[0-9]):(?=[0-9]))+){1,8})?"
    r"|(?:data|records?|results?|rows?|items?|entries|executions?|pages?) not found|nothing(?: was)? found"
    r"|(?:page )?out of range|end of (?:data|list|results)"
)
_OF_A_FAULT = re.compile(
    r"\b(?:fail|error|fault|exception|down\b|lost\b|broke|corrupt|crash|abort|interrupt|cancel|refus|reject|denied|forbid"
    r"|exceed|throttl|overload|offline|disconnect|degraded|incomplete|partial|internal|unable|cannot|can't|couldn't"
    r"|could not|did not|does not|not respond)"
    r"|time[ds]?[ _-]?out|unavailab|unreach|unauthori"
)
# Executions are asked for by their status.
_ASKED_STATUS = re.compile(r"\b(?:status|state)(?: is | of | = |[ =])[\"'“]?(?:error|failed|failure|fail)\b")
# Words by which executions are asked for, so that without a message they are the question's.
_ASKED_FOR = frozenset({"fail", "failed", "failure"})
_NOTHING = frozenset({"", "0", "none", "null", "nil", "false", "no", "n/a", "na", "-", "--", "–", "—", "ok", "okay",
                      "success", "successful", "succeeded", "no error", "no errors", "no error occurred",
                      "no errors occurred", "no errors found"})  # fmt: skip
_NOT_WHOLE = (("partial", True), ("ispartial", True), ("partialresults", True), ("timedout", True),
              ("incompleteresults", True), ("terminatedearly", True))  # fmt: skip
# Where pages follow, a page of which this is said is one of several, and no more than that.
_CUT = (("truncated", True), ("istruncated", True), ("resultstruncated", True), ("incomplete", True),
        ("isincomplete", True), ("complete", False), ("iscomplete", False))  # fmt: skip
# Beside one of these, a status is that of a workflow or of a single execution.
_OF_ONE = frozenset(names_of("record_id")) | frozenset(names_of("workflow_id")) | frozenset(names_of("trace_id"))
_LONGEST = 120
# Errors hold their message two or three deep; what is deeper is something, whatever it says.
_DEEPEST = 8
# Longer numbers are no code that anybody could look up.
_LARGEST = 10**15
_LOOKED_AT = frozenset({*_ERRORS, *_WORKED, *_STATUSES, *_MESSAGES, *(name for name, _ in (*_NOT_WHOLE, *_CUT))})


def tells_of_faults(name: str) -> bool:
    """Whether what stands under this name says how the answer came about, be it an object or a list."""
    return normal(name) in (*_ERRORS, _SHARDS)


def is_word(name: str) -> bool:
    """Whether a plain value under this name is looked at here."""
    return normal(name) in _LOOKED_AT


def find_failure(wrapper: Mapping[str, Any], *, has_records: bool = False) -> str | None:
    """In which words, or by which value, an answer says that it failed; None if it does not.

    That nothing is there, as of a place behind the last record, is no failure. The words may be anybody's: they are
    shortened, and raw.

    Parameters
    ----------
    wrapper : mapping
        What stands beside the records.
    has_records : bool
        Whether there are any: then an error is one, though it says that nothing was found.
    """
    said = {normal(name): value for name, value in wrapper.items()}
    if read_whole(said.get("errors")) is not None:
        # It may be how many records have one.
        del said["errors"]
    beside = _beside(said)
    codes = [read_whole(said.get(name)) for name in _STATUSES]
    can_be_the_end = not _has_server_fault(codes)
    for error in (one for one in map(said.get, _ERRORS) if not _is_nothing(one)):
        words = _words(error)
        if has_records or not can_be_the_end or not _is_the_end(error, beside):
            return _shown(words or beside or "error")
        beside = beside or words
    if can_be_the_end and _says_no_more(beside):
        return None
    for name in _WORKED:
        # A number may be one of records, too.
        if read_whole(said.get(name)) is None and read_flag(said.get(name)) is False:
            return _shown(beside or f"{name}: false")
    for name, number in zip(_STATUSES, codes, strict=True):
        word = _lower(said.get(name)) if name == "status" and _OF_ONE.isdisjoint(said) else ""
        is_failed = word in _FAILED and bool(beside or word not in _ASKED_FOR)
        is_no_more = number in _NO_MORE_CODES and not beside
        if is_failed or (number is not None and 400 <= number < 600 and not is_no_more):
            return _shown(beside or f"{name}: {said[name]}")
    return None


def find_shortfall(wrapper: Mapping[str, Any], *, is_last: bool = False, has_records: bool = True) -> str | None:
    """A sentence, in English, that the answer says it is not whole; None if it says nothing of that.

    Parameters
    ----------
    wrapper : mapping
        What stands beside the records.
    is_last : bool
        Whether no page followed: then also one that calls itself cut.
    has_records : bool
        Whether there are any beside it.
    """
    said = {normal(name): (name, value) for name, value in wrapper.items()}
    looked_for = (*_NOT_WHOLE, *_CUT) if is_last else _NOT_WHOLE
    words = [name for name, bad in looked_for if name in said and read_flag(said[name][1]) is bad]
    if words:
        text = mark("The API says of an answer that it is not whole: “{name}”.")
        return in_english(text, name=_shown(said[words[0]][0]))
    _, shards = said.get(_SHARDS, ("", None))
    failed = read_whole(shards.get("failed")) if isinstance(shards, Mapping) else None
    if failed:
        return in_english(mark("The API says that {count} of its shards failed."), count=min(failed, _LARGEST))
    failure = find_failure(wrapper, has_records=has_records)
    if failure is None:
        return None
    return in_english(mark("The API gave records and said beside them that it failed: {said}"), said=failure)


# --- errors


def _leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The plain values in an error, each once and the message first, by the names of their fields.

    An element of a list has no name. What is too deep comes as it is.
    """
    if depth < _DEEPEST and isinstance(value, Mapping):
        for own, one in sorted(((normal(str(own)), one) for own, one in value.items()), key=_place_of):
            yield from _leaves(one, own, depth + 1)
    elif depth < _DEEPEST and isinstance(value, list):
        for one in value:
            yield from _leaves(one, "", depth + 1)
    else:
        yield name, value


def _place_of(field: tuple[str, Any]) -> int:
    return _WORDS.index(field[0]) if field[0] in _WORDS else len(_WORDS)


def _is_nothing(error: Any) -> bool:
    found = [(name, leaf) for name, leaf in _leaves(error) if not _is_void(leaf) and not _is_count(name, leaf)]
    codes = [read_whole(leaf) for name, leaf in _leaves(error) if name in _STATUSES]
    if not any(code is not None and 200 <= code < 300 for code in codes):
        return not found
    return all(isinstance(leaf, str) and not _OF_A_FAULT.search(_bare(leaf)) for _, leaf in found)


def _is_void(leaf: Any) -> bool:
    return not leaf or (isinstance(leaf, str) and _bare(leaf) in _NOTHING)


def _is_count(name: str, leaf: Any) -> bool:
    """Whether a number says nothing of a fault: how many there are, or a code of success."""
    number = read_whole(leaf)
    return bool(name) and number is not None and (name not in _STATUSES or 200 <= number < 300)


def _words(error: Any) -> str:
    """The message in an error, or in what holds it; else the first number."""
    leaves = [leaf for _, leaf in _leaves(error) if not _is_void(leaf)]
    numbers = (read_whole(leaf) for leaf in leaves if not isinstance(leaf, str))
    texts = (leaf for leaf in leaves if isinstance(leaf, str))
    return next(texts, "") or next((str(one) for one in numbers if one is not None and one < _LARGEST), "")


def _is_the_end(error: Any, beside: str) -> bool:
    """Whether an error only says that nothing is there, and nothing in it speaks against that."""
    leaves = [(name, leaf) for name, leaf in _leaves(error) if not _is_void(leaf)]
    if not all(isinstance(leaf, (str, int, float)) for _, leaf in leaves):
        return False
    if _has_server_fault([read_whole(leaf) for name, leaf in leaves if name in _STATUSES]):
        return False
    texts = [(name, leaf) for name, leaf in leaves if isinstance(leaf, str)]
    messages = [leaf for name, leaf in texts if not name or name in _MESSAGES]
    others = [_bare(leaf) for name, leaf in texts if name and name not in _MESSAGES]
    is_doubted = any(_OF_A_FAULT.search(text) for text in others if text not in _FAILED)
    return not is_doubted and all(map(_says_no_more, messages or [beside]))


# --- words


def _says_no_more(text: str) -> bool:
    bare = _bare(text)
    return _NO_MORE.fullmatch(bare) is not None and not _OF_A_FAULT.search(_ASKED_STATUS.sub("", bare))


def _has_server_fault(codes: Iterable[int | None]) -> bool:
    """Whether a code is one that no words excuse."""
    return any(code is not None and code >= 500 for code in codes)


def _beside(said: Mapping[str, Any]) -> str:
    """The message of an answer that says by another value that it failed."""
    return next((said[name] for name in _MESSAGES if isinstance(said.get(name), str) and said[name].strip()), "")


def _lower(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _bare(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(" .!")


def _shown(text: str) -> str:
    return shorten(" ".join(text.split()), _LONGEST)
