"""Pages of the API that somebody saved as files: what they say of further ones, which may not be among the files."""

from __future__ import annotations

from dataclasses import dataclass, field

from dlqkit.frames import Completeness
from dlqkit.language import in_english, mark
from dlqkit.sources.page_faults import find_shortfall
from dlqkit.sources.page_markers import find_end_marker, find_page_number, find_total
from dlqkit.sources.record_decode import Decoded

__all__ = ["SavedPages"]


@dataclass(slots=True)
class SavedPages:
    """What the wrappers of all files say; read without headers, which are not saved."""

    total: int | None = None
    is_ended: bool = False
    """Whether one of them says that it is the last."""
    going_on: list[str] = field(default_factory=list)
    """Names of those that say that more follows."""
    shortfalls: dict[str, None] = field(default_factory=dict)
    """What they say against themselves."""
    left_out: dict[str, None] = field(default_factory=dict)
    """Which of their lists were not read."""

    def add(self, name: str, page: Decoded) -> None:
        """Read the wrapper of a file."""
        total = find_total(page.wrapper, {}, page.received)
        if total is not None:
            self.total = max(total, self.total or 0)
        # A page tells of itself alone: its number counts from 1 but for the number 0.
        marker = find_end_marker(page.wrapper, {}, 0 if find_page_number(page.wrapper) == 0 else 1)
        self.is_ended = self.is_ended or marker is True
        if marker is False:
            self.going_on.append(name)
        shortfall = find_shortfall(page.wrapper, is_last=marker is not False, has_records=not page.frame.empty)
        self.shortfalls.update({} if shortfall is None else {shortfall: None})
        self.left_out.update(dict.fromkeys(page.left_out))

    def missing(self, known: int) -> list[str]:
        """What is to be said where the files hold so many records and odd elements."""
        said = [*self.shortfalls, *self.left_out]
        completeness = self._by_places(known)
        if completeness == "partial":
            text = mark("{name} is a page after which more follow, and none of the files is the last one.")
            said.append(in_english(text, name=self.going_on[0]))
        if completeness == "unverified":
            text = mark("The files speak of {total} records, and hold {known}.")
            said.append(in_english(text, total=self.total or 0, known=known))
        return said

    def completeness(self, known: int) -> Completeness:
        """Whether all is there, by their own word."""
        if self.shortfalls:
            return "partial"
        by_places = self._by_places(known)
        return "unverified" if self.left_out and by_places == "complete" else by_places

    def _by_places(self, known: int) -> Completeness:
        if self.total is not None and known >= self.total and (self.is_ended or len(self.going_on) != 1):
            return "complete"
        if self.going_on and not self.is_ended:
            return "partial"
        return "complete" if self.total is None or known >= self.total else "unverified"
