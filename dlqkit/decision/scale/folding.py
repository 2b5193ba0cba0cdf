"""Folding: what changes from event to event goes out of error texts in the engine, so that few different ones are left.

A fold tells texts apart at least as finely as the masks of ``signing`` do: two texts of one fold have one masked form.
So masks and templates are made of one text of each fold, and all engines come to the same signatures, even where their
regular expressions find different things. What is folded away therefore hangs on what the masks look at beside a token
itself, and there are three ways:

- ``all``: every run of letters and digits that holds a digit. Its token is masked, whatever stands in the run.
- ``statuses``: where an HTTP status of failure may be kept for a word shortly before it (``code``, ``error``), neither
  goes. Runs of letters and digits stand between the two and part them, whatever they are; numbers do so from five
  digits on, and shorter ones keep their length.
- ``numbers``: where up to two digits of a class's name may be kept (``aws.s3.Fault``), where a word of a status has
  digits beside it, or where digits tell which of several lines are stack frames, long numbers and UUIDs alone go.

Patterns are those that RE2, Java and Python read alike: classes written out, no look-around, literal replacements.
What a pattern leaves behind, it finds again and leaves as it is, so no text has it by chance.
"""

from __future__ import annotations

import narwhals as nw

__all__ = ["WAYS", "choose_way", "fold_texts"]

WAYS = ("all", "statuses", "numbers")
# In characters, each of up to four bytes; the heads of texts are taken from 2,000 bytes on.
LONGEST = 500

# Its third part begins with a digit, so the masks take it even for a part of a class's name.
UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9][0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
EMAIL = r"(?:[0-9A-Za-z]+[._-])*[0-9A-Za-z]+@(?:[0-9A-Za-z]+[.-])*[0-9A-Za-z]+\.[A-Za-z][A-Za-z]+"
ADDRESS = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
WITH_DIGIT = "[0-9A-Za-z]*[0-9][0-9A-Za-z]*"
MIXED = "[0-9A-Za-z]*(?:[0-9][A-Za-z]|[A-Za-z][0-9])[0-9A-Za-z]*"

TOKEN = "[0-9A-Za-z._@-]*"
NAME = rf"[0-9]{TOKEN}\.[A-Z][a-z][a-z]|\.[A-Z][a-z][a-z]{TOKEN}[0-9]|[0-9][A-Z][a-z][a-z][a-z]"
WORD = "(?:[Hh][Tt][Tt][Pp]|[Aa][Tt][Uu][Ss]|[Cc][Oo][Dd][Ee]|[Rr][Rr][Oo][Rr])"
STATUS = f"{WORD}[^A-Za-z]{{1,6}}[45][0-9][0-9](?:[^0-9A-Za-z]|$)"
HIDDEN_WORD = f"[0-9][A-Za-z]*{WORD}|{WORD}[A-Za-z]*[0-9]|@{TOKEN}{WORD}|[A-Fa-f]{{12}}{WORD}"
FRAME_DIGITS = r"goroutine |\.go:|: +0x|#[0-9A-Za-z]|[ \t]from |\.\.\. (?:[0-9]+[A-Za-z]|[A-Za-z]+[0-9])"


def choose_way(texts: nw.Expr) -> nw.Expr:
    """Which of ``WAYS`` each text is to be folded; of texts that are not null."""
    has_frames = (texts.str.len_chars() > LONGEST) | texts.str.contains("\n", literal=True)
    has_frames = has_frames & texts.str.contains(FRAME_DIGITS)
    has_status = texts.str.contains(STATUS)
    is_numbers = has_frames | texts.str.contains(NAME) | (has_status & texts.str.contains(HIDDEN_WORD))
    return (
        nw.when(is_numbers)
        .then(nw.lit("numbers"))
        .otherwise(nw.when(has_status).then(nw.lit("statuses")).otherwise(nw.lit("all")))
    )


def fold_texts(texts: nw.Expr, way: nw.Expr) -> nw.Expr:
    """What is left of each text, folded its way; of one fold are texts that have that and the way in common.

    Notes
    -----
    Not so fine for a text whose head is longer than 2,000 characters, if that cut falls into what is folded away.
    """
    # An engine computes a branch for its own rows alone, and few have an address with an @.
    mailed = nw.when(texts.str.contains("@", literal=True)).then(texts.str.replace_all(EMAIL, "0a")).otherwise(texts)
    known = mailed.str.replace_all(UUID, "0a")
    statuses = known.str.replace_all(ADDRESS, "0.0.0.0").str.replace_all(MIXED, "0a")
    numbers = texts.str.replace_all(UUID, "00000000-0000-0000-0000-000000000000")
    return (
        nw.when(way == "all")
        .then(known.str.replace_all(WITH_DIGIT, "0"))
        .otherwise(nw.when(way == "statuses").then(_fold_numbers(statuses)).otherwise(_fold_numbers(numbers)))
    )


def _fold_numbers(texts: nw.Expr) -> nw.Expr:
    """Numbers of three and four digits keep their length; of three that are no statuses of failure."""
    return (
        texts.str.replace_all("[0-9]{5,}", "00000")
        .str.replace_all("[0-9]{4}", "0000")
        .str.replace_all("[0-36-9][0-9][0-9]", "000")
    )
