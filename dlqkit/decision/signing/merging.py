"""Merging: templates that differ in one word are one, where that word is plainly a value."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import contains

from dlqkit.decision.signing.templates import ANY, split_words

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
_CROWD = 20
_RARE_SHARES = (0.01, 0.1)
# Of the sets of starred places of one length, so many are tried, the most frequent first.
_COVERS = 20
# Of a template's words; with fewer left there is no telling what it says.
_KEPT_SHARE = 0.5
_PLAIN = re.compile(r"\W*(?:[^\W\d_]?[^\W\d_A-Z]*|[A-Z]+)\W*")
# What names the failure is no value: an exception class, a status of HTTP, a place in the code.
_NAMES_FAILURE = re.compile(
    r"(?:Exception|Error|Fault|Fail|Failure|Warning|Interrupt|Timeout|Panic)\b|\b[45][0-9]{2}\b|\w::\w"
)
# What parts a word from the next (split_words).
_PARTING = " ,;"
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
    if len(set(words)) == 1:
        return words[0]
    bare = [word.rstrip(_PARTING) for word in words]
    before = os.path.commonprefix(bare)  # noqa: RUF071
    before = before[: len(before) - len(re.search(r"[\w<*>-]*\Z", before).group())]  # type: ignore[union-attr]
    rest = [word[len(before) :][::-1] for word in bare]
    after = os.path.commonprefix(rest)[::-1]  # noqa: RUF071
    after = after[len(re.match(r"[\w<*>-]*", after).group()) :]  # type: ignore[union-attr]
    return f"{before}{ANY}{after}{words[0][len(bare[0]) :]}"


def _blank(word: str) -> str:
    """A star in place of the word, and what parts it from the next."""
    return ANY + word[len(word.rstrip(_PARTING)) :]


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
        (len(words), place, whole - own + hash(_blank(word)))
        for place, (word, own, is_said) in enumerate(zip(words, hashes, said, strict=True))
        if sum(said) - is_said >= _FEWEST_WORDS
    ]


def _merge_once(templates: Iterable[str]) -> tuple[dict[str, str], dict[Seat, str]]:
    words = {template: split_words(template) for template in templates}
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
            shared = "".join([*parts[:place], _star(variants), *parts[place + 1 :]])
            out.update(dict.fromkeys(left, shared))
            taken[seat] = shared
    return out, taken


def _merge_rounds(templates: Iterable[str]) -> tuple[dict[str, str], dict[Seat, str]]:
    """What each template is after as many rounds as find something, and the seats that the first of them took."""
    own = {template: template for template in templates}
    late: dict[Seat, str] = {}
    for number in range(_ROUNDS):
        found, taken = _merge_once(sorted(set(own.values())))
        own = {template: found.get(shared, shared) for template, shared in own.items()}
        late = {seat: found.get(shared, shared) for seat, shared in late.items()} if number else taken
        if not found:
            break
    return own, late


def merge_templates(templates: Sequence[str]) -> dict[str, str]:
    """Each template's own, or the one with a starred word that it shares with enough others.

    The first ``_COMPARED`` are compared with each other, so the most frequent come first; the others join what these
    have found.
    """
    own, late = _merge_rounds(templates[:_COMPARED])
    for template in templates[_COMPARED:]:
        own[template] = next((late[seat] for seat in _seats(split_words(template)) if seat in late), template)
    rare = _star_rare_words(set(own.values()))
    own = {template: rare.get(shared, shared) for template, shared in own.items()}
    covered = _absorb(set(own.values()), set(own.values()) - set(own))
    return {template: covered.get(shared, shared) for template, shared in own.items()}


def _star_rare_words(templates: Iterable[str]) -> dict[str, str]:
    """For templates of crowded lengths, what is left of each without the words that are rare in their place."""
    lengths: dict[int, dict[str, list[str]]] = {}
    for template in templates:
        parts = split_words(template)
        lengths.setdefault(len(parts), {})[template] = parts
    out: dict[str, str] = {}
    for crowd in lengths.values():
        for share in _RARE_SHARES:
            left = {template: parts for template, parts in crowd.items() if template not in out}
            if len(left) > _CROWD:
                out.update(_star_in_crowd(left, share))
    return out


def _star_in_crowd(crowd: Mapping[str, Sequence[str]], share: float) -> dict[str, str]:
    """What is left is merged again, since a client's town takes few forms once the name beside it has gone."""
    fewest = max(_PLAIN_VARIANTS, share * len(crowd))
    counts = (Counter(place) for place in zip(*crowd.values(), strict=True))
    common = [{word for word, count in counted.items() if count >= fewest} for counted in counts]
    said = [{word for word in words if not _LONE_MASK.fullmatch(word)} for words in common]
    left: dict[str, list[Sequence[str]]] = {}
    for parts in crowd.values():
        if sum(map(contains, said, parts)) >= _KEPT_SHARE * len(parts):
            kept = (
                part if part in words or _NAMES_FAILURE.search(part) else _blank(part)
                for part, words in zip(parts, common, strict=True)
            )
            left.setdefault("".join(kept), []).append(parts)
    merged, _ = _merge_rounds(left)
    found: dict[str, list[Sequence[str]]] = {}
    for rest, members in left.items():
        found.setdefault(merged[rest], []).extend(members)
    out: dict[str, str] = {}
    for shared, members in found.items():
        if len(members) >= _PLAIN_VARIANTS:
            places = zip(split_words(shared), zip(*members, strict=True), strict=True)
            starred = "".join(_star(words) if ANY in part else part for part, words in places)
            out.update(dict.fromkeys(map("".join, members), starred))
    return out


def _absorb(templates: Iterable[str], merged: Iterable[str]) -> dict[str, str]:
    """For templates that a merged one covers word for word, that one."""
    merged = sorted(merged)
    words = {template: split_words(template) for template in sorted(templates)} if merged else {}
    covers: dict[int, Counter[tuple[int, ...]]] = {}
    rests: dict[tuple[tuple[int, ...], tuple[str, ...]], str] = {}
    for template in merged:
        parts = words[template]
        places = tuple(place for place, part in enumerate(parts) if ANY in part)
        covers.setdefault(len(parts), Counter())[places] += 1
        rests[places, _without(parts, places)] = template
    out: dict[str, str] = {}
    for template, parts in words.items():
        for places, _ in covers.get(len(parts), Counter[tuple[int, ...]]()).most_common(_COVERS):
            cover = rests.get((places, _without(parts, places)))
            if cover is not None and cover != template and _covers(words[cover], parts, places):
                out[template] = cover
                break
    return {template: out.get(cover, cover) for template, cover in out.items()}


def _without(parts: Sequence[str], places: Sequence[int]) -> tuple[str, ...]:
    return tuple(part for place, part in enumerate(parts) if place not in places)


def _covers(cover: Sequence[str], parts: Sequence[str], places: Iterable[int]) -> bool:
    for place in places:
        before, _, after = cover[place].partition(ANY)
        part = parts[place]
        if part == cover[place]:
            continue
        if ANY in after or len(part) <= len(before) + len(after) or _NAMES_FAILURE.search(part):
            return False
        if not (part.startswith(before) and part.endswith(after)):
            return False
    return True
