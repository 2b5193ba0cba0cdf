"""Merging: templates that differ in one word are one, where that word is plainly a value."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from dlqkit.decision.templates import ANY

__all__ = ["merge_templates"]

# A place that takes so many words holds values: plain words may be kinds, names with dots, humps or digits hardly.
_PLAIN_VARIANTS = 5
_NAME_VARIANTS = 3
# Beside a place where other texts have an id or a number, one name is enough.
_BESIDE_MASK_VARIANTS = 2
_ROUNDS = 3
# That are neither starred nor masked and stay in a template.
_FEWEST_WORDS = 2
# So many templates are compared with each other; each takes some kilobytes while they are.
_COMPARED = 50_000
# Where more templates than this have one length, several of their words at once may be values: those that are rare.
_CROWD = 200
_RARE_SHARE = 0.01
# Of a template's words; with fewer left there is no telling what it says.
_KEPT_SHARE = 0.4
_PLAIN = re.compile(r"\W*(?:[^\W\d_]?[^\W\d_A-Z]*|[A-Z]+)\W*")
# What names the failure is no value: an exception class, a status of HTTP, a place in the code.
_NAMES_FAILURE = re.compile(
    r"(?:Exception|Error|Fault|Fail|Failure|Warning|Interrupt|Timeout|Panic)\b|\b[45][0-9]{2}\b|\w::\w"
)
_LONE_MASK = re.compile(r"\W*<\*>\W*")


def _are_values(words: Sequence[str]) -> bool:
    if any(_NAMES_FAILURE.search(word) for word in words):
        return False
    masks = [word for word in words if _LONE_MASK.fullmatch(word)]
    named = not any(_PLAIN.fullmatch(word) for word in words if word not in masks)
    if named:
        return len(words) >= (_BESIDE_MASK_VARIANTS if masks else _NAME_VARIANTS)
    return len(words) >= _PLAIN_VARIANTS


def _star(words: Sequence[str]) -> str:
    """A star in what all the words begin and end with, such as a bracket."""
    before = os.path.commonprefix(words)  # noqa: RUF071
    before = before[: len(before) - len(re.search(r"[\w<*>-]*\Z", before).group())]  # type: ignore[union-attr]
    rest = [word[len(before) :][::-1] for word in words]
    after = os.path.commonprefix(rest)[::-1]  # noqa: RUF071
    after = after[len(re.match(r"[\w<*>-]*", after).group()) :]  # type: ignore[union-attr]
    return f"{before}{ANY}{after}"


Seat = tuple[int, int, int]


def _seats(words: Sequence[str]) -> list[Seat]:
    """For each word the text without it: texts that share a seat differ in that word alone."""
    # A word or two are all there is to know of an error; a star in their place would join everything.
    said = [ANY not in word and any(map(str.isalpha, word)) for word in words]
    if sum(said) < _FEWEST_WORDS:
        return []
    # Of one text, not of a pair: sums of the hashes of pairs are alike for the same words in other places.
    hashes = [hash(f"{place} {word}") for place, word in enumerate(words)]
    whole = sum(hashes)
    return [
        (len(words), place, whole - own)
        for place, (own, is_said) in enumerate(zip(hashes, said, strict=True))
        if sum(said) - is_said >= _FEWEST_WORDS
    ]


def _merge_once(templates: Iterable[str]) -> tuple[dict[str, str], dict[Seat, str]]:
    words = {template: template.split(" ") for template in templates}
    seats: dict[Seat, list[str]] = {}
    for template, parts in words.items():
        for seat in _seats(parts):
            seats.setdefault(seat, []).append(template)
    out: dict[str, str] = {}
    taken: dict[Seat, str] = {}
    crowded = [(seat, members) for seat, members in seats.items() if len(members) > 1]
    for seat, members in sorted(crowded, key=lambda one: (-len(one[1]), one[1])):
        place = seat[1]
        left = [member for member in members if member not in out]
        variants = [words[member][place] for member in left]
        if len(left) > 1 and _are_values(variants):
            parts = words[left[0]]
            shared = " ".join([*parts[:place], _star(variants), *parts[place + 1 :]])
            out.update(dict.fromkeys(left, shared))
            taken[seat] = shared
    return out, taken


def merge_templates(templates: Sequence[str]) -> dict[str, str]:
    """Each template's own, or the one with a starred word that it shares with enough others.

    The first ``_COMPARED`` are compared with each other, so the most frequent come first; the others join what these
    have found.
    """
    own = {template: template for template in templates[:_COMPARED]}
    late: dict[Seat, str] = {}
    for number in range(_ROUNDS):
        found, taken = _merge_once(sorted(set(own.values())))
        own = {template: found.get(shared, shared) for template, shared in own.items()}
        late = {seat: found.get(shared, shared) for seat, shared in late.items()}
        if number == 0:
            late = taken
        if not found:
            break
    for template in templates[_COMPARED:]:
        own[template] = next((late[seat] for seat in _seats(template.split(" ")) if seat in late), template)
    rare = _star_rare_words(set(own.values()))
    return {template: rare.get(shared, shared) for template, shared in own.items()}


def _star_rare_words(templates: Iterable[str]) -> dict[str, str]:
    """For templates of crowded lengths, what is left of each without the words that are rare in their place."""
    lengths: dict[int, list[list[str]]] = {}
    for template in templates:
        parts = template.split(" ")
        lengths.setdefault(len(parts), []).append(parts)
    out: dict[str, str] = {}
    for length, crowd in lengths.items():
        if len(crowd) <= _CROWD:
            continue
        fewest = max(_PLAIN_VARIANTS, _RARE_SHARE * len(crowd))
        columns = [Counter(place) for place in zip(*crowd, strict=True)]
        found: dict[str, list[str]] = {}
        for parts in crowd:
            kept = [
                part if count[part] >= fewest or _NAMES_FAILURE.search(part) else ANY
                for part, count in zip(parts, columns, strict=True)
            ]
            if sum(part != ANY for part in kept) >= _KEPT_SHARE * length:
                found.setdefault(" ".join(kept), []).append(" ".join(parts))
        for shared, members in found.items():
            if len(members) >= _PLAIN_VARIANTS:
                out.update(dict.fromkeys(members, shared))
    return out
