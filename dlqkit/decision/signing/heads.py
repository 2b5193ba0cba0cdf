"""Heads: the lines of an error text that say what failed, without the stack frames that say where."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["find_head", "take_heads"]

# What a person reads of an error; longer texts carry a whole request or a dump behind it.
_LONGEST = 2_000
_READ = 64_000
_LINES = 6
_BLOCK = 1 << 18
_TRACEBACK = "Traceback (most recent call last)"
# Nowhere two repetitions side by side that can take the same characters: a line may be as long as what is read.
_FRAME = re.compile(
    r"\s*at [\w$.<>/\[\]].*[(:]|\s+at \S|\s*File \"|\s*\.{3} [0-9]+ (?:more|common)|goroutine [0-9]+|\s+\S+\.go:[0-9]+"
    r"|\s*[0-9]+: +0x|#[0-9]+ |\s+from \S+:[0-9]+|\s*[-^~]+\s*$"
)
_CAUSE = re.compile(r"\s*(?:Caused by: |\[cause\]: )(.*)")


def find_head(text: str) -> str:
    """What failed: the first lines that are no stack frames, and behind them the innermost cause.

    A Python traceback begins with its frames; its head is the error in its last line.
    """
    lines = text[:_READ].splitlines()
    if any(_TRACEBACK in line for line in lines):
        said = [line for line in lines if line.strip() and not line[:1].isspace() and not line.startswith("Traceback")]
        before = lines[0] if _TRACEBACK not in lines[0] else ""
        return f"{before} {said[-1] if said else ''}".strip()[:_LONGEST]
    kept: list[str] = []
    cause = ""
    for line in lines:
        found = _CAUSE.match(line)
        if found:
            cause = found[1]
        elif line.strip() and not cause and len(kept) < _LINES and not _FRAME.match(line):
            kept.append(line)
    head = " ".join(kept) or next((line for line in lines if line.strip()), "")
    return f"{head} Caused by: {cause}"[:_LONGEST] if cause else head[:_LONGEST]


def take_heads(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """The texts, those of several lines or of great length by their heads."""
    _, offsets, data = texts.buffers()
    if data is None:
        return texts
    bounds = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    flags = np.diff(bounds) > _LONGEST
    values = np.frombuffer(data, dtype=np.uint8)
    for begin in range(int(bounds[0]), int(bounds[-1]), _BLOCK):
        block = values[begin : min(begin + _BLOCK, int(bounds[-1]))]
        # The least byte is found twice as fast as a given one, and few texts of one line have any below a line break.
        breaks = block == ord("\n") if block.min() <= ord("\n") else block[:0]
        if breaks.any():
            flags[np.searchsorted(bounds, np.flatnonzero(breaks) + begin, side="right") - 1] = True
    found = np.flatnonzero(flags)
    if not len(found):
        return texts
    coded = texts.take(pa.array(found)).dictionary_encode()
    heads = pa.array([find_head(text) for text in coded.dictionary.to_pylist()], type=texts.type)
    return pc.replace_with_mask(texts, pa.array(flags), heads.take(coded.indices))
