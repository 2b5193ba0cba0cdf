"""Which records were met on earlier pages, by what tells records apart: their state, and what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.frames import RECORD_CONTENT, RECORD_STATE
from dlqkit.sources.seen_states import SeenStates, keys_of

__all__ = ["Hashes", "KnownRecords"]

_Keys = npt.NDArray[np.uint64]
_Mask = npt.NDArray[np.bool_]
_PAYLOAD = "payload_snapshot"


@dataclass(frozen=True, slots=True)
class Hashes:
    """Of each record of a page three hashes, and which of them share their state with another one of that page."""

    states: _Keys
    payloads: _Keys
    """Of the state and the payload."""
    contents: _Keys
    """Of the state, the payload, and the error."""
    beside: _Mask

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Hashes:
        """Those of ``frames.RECORDS``."""
        states = keys_of(frame, RECORD_STATE)
        payloads = states ^ keys_of(frame, [_PAYLOAD])
        contents = payloads ^ keys_of(frame, [name for name in RECORD_CONTENT if name != _PAYLOAD])
        return cls(states, payloads, contents, pd.Series(states).duplicated(keep=False).to_numpy())


class KnownRecords:
    """Gives each record a key, the same wherever it is met again, and remembers those of the pages that count.

    Notes
    -----
    A state that stands alone on its page is one record, however its error is written in each answer. Records of one
    state are several where a page has them side by side with other contents, or where their payloads say other things.
    Of an API that writes a record alike each time, ``by_contents``, other contents are other records wherever they are.
    """

    def __init__(self, *, by_contents: bool = False) -> None:
        self.by_contents = by_contents
        self._keys, self._payloads, self._contents = SeenStates(), SeenStates(), SeenStates()

    def __len__(self) -> int:
        return len(self._keys)

    def known(self, keys: Iterable[int]) -> _Mask:
        """For each key whether a page that counts had it."""
        return self._keys.known(keys)

    def tell_apart(self, hashes: Hashes, frame: pd.DataFrame, near: Sequence[pd.DataFrame] | None) -> tuple[int, ...]:
        """A key for each record of a page.

        Parameters
        ----------
        hashes, frame
            The page.
        near : sequence of DataFrame, optional
            Pages that it may repeat, written in another order. None where all that it shows may have been met.
        """
        if self.by_contents:
            return tuple(hashes.contents.tolist())
        is_state, is_content = self._keys.known(hashes.states), self._keys.known(hashes.contents)
        is_other = is_state & ~hashes.beside & ~self._payloads.known(hashes.payloads)
        if near is None:
            is_other[:] = False
        elif is_other.any():
            is_other[is_other] = _say_other(frame[is_other], hashes.states[is_other], near)
        # The first one of its state that was met keeps its key, also beside others.
        was_alone = is_state & self._contents.known(hashes.contents)
        own = is_content | is_other | (hashes.beside & ~was_alone)
        return tuple(np.where(own, hashes.contents, hashes.states).tolist())

    def find_alike(self, hashes: Hashes, keys: Sequence[int]) -> _Mask:
        """Records that are taken for known ones although their error, or how their payload is written, is another."""
        own = np.fromiter(keys, np.uint64)
        alike: _Mask = (own == hashes.states) & self._keys.known(own) & ~self._contents.known(hashes.contents)
        return alike

    def add(self, hashes: Hashes, keys: Sequence[int]) -> _Mask:
        """Remember a page; for each of its records whether it is new."""
        self._payloads.add(hashes.payloads.tolist())
        self._contents.add(hashes.contents.tolist())
        return self._keys.add(keys)


def _say_other(frame: pd.DataFrame, states: _Keys, near: Sequence[pd.DataFrame]) -> list[bool]:
    """For each record whether its payload says other things than that of its state nearby."""
    there: dict[int, Any] = {}
    for page in near:
        there.update(zip(keys_of(page, RECORD_STATE).tolist(), page[_PAYLOAD], strict=True))
    return [
        state not in there or _canonical(there[state]) != _canonical(text)
        for state, text in zip(states.tolist(), frame[_PAYLOAD], strict=True)
    ]


def _canonical(text: Any) -> Any:
    """A payload whatever the order of its fields; as it is where it is no JSON."""
    if not isinstance(text, str):
        return None
    try:
        return msgspec.json.encode(msgspec.json.decode(text), order="sorted")
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError):
        return text
