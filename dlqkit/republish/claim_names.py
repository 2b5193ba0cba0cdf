"""Claims under further names of an event: each leads to the claim under its key, and holds as long as that does.

A file of many is linked under each of its names, as claims are. It says for each name which event it is of; a name
whose event is no longer claimed by that plan is free, so that nothing but the claims themselves need be given up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dlqkit.errors import EvidenceError, PlanError
from dlqkit.evidence.store import read_json
from dlqkit.republish.claims import Claim, read_claim
from dlqkit.republish.frozen import canonical_json

__all__ = ["NameReader", "event_path", "in_files", "name_path", "names_content"]

# Whoever looks for one name reads all of its file.
_PER_FILE = 1_000


def event_path(place: Path, name: str) -> Path:
    """Where the claim of an event is, by the hash that stands for its key."""
    return place / name[:2] / f"{name}.json"


def name_path(place: Path, name: str) -> Path:
    """Where a further name of an event is."""
    return place / name[:2] / f"{name}.also"


def names_content(plan_hash: str, events: Mapping[str, str]) -> bytes:
    """The file of some names: of which plan, and by name which event."""
    return canonical_json({"hash": plan_hash, "events": dict(events)}).encode()


def in_files(events: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Names in portions of a file each."""
    names = sorted(events)
    for begin in range(0, len(names), _PER_FILE):
        yield {name: events[name] for name in names[begin : begin + _PER_FILE]}


class NameReader:
    """Reads further names; a file of many is read once."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._files: dict[tuple[int, int, int], tuple[str, Mapping[str, str]]] = {}

    def entry(self, name: str) -> tuple[str, str] | None:
        """The hash of the plan that has a further name, and the event that it is of; None where there is none.

        Raises
        ------
        PlanError
            If it cannot be read: then it is not free.
        """
        path = name_path(self._place, name)
        try:
            status = path.stat()
            place = (status.st_dev, status.st_ino, status.st_mtime_ns)
            if place not in self._files:
                found = read_json(path)
                self._files[place] = (str(found["hash"]), dict(found["events"]))
            plan_hash, events = self._files[place]
            return plan_hash, events[name]
        except FileNotFoundError:
            return None
        except (EvidenceError, OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise PlanError(
                f"The claim {name[:12]}… in the registry cannot be read.",
                "Find out whose it is before anything is sent; then remove the file by hand.",
            ) from error

    def claim_of(self, name: str) -> Claim | None:
        """The claim that holds under a further name; None where there is none."""
        entry = self.entry(name)
        if entry is None:
            return None
        claim = read_claim(event_path(self._place, entry[1]))
        return claim if claim is not None and claim.hash == entry[0] else None
