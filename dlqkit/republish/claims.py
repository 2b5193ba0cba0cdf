"""A claim: which open plan has an event, and whether another plan of the same folder may take it over."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from dlqkit.errors import EvidenceError, PlanError
from dlqkit.evidence.store import read_json
from dlqkit.republish.frozen import canonical_json
from dlqkit.republish.plan import find_plans, read_plan

__all__ = ["Claim", "Free", "content_of", "read_claim", "refusal"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Which open plan has an event."""

    plan_id: str
    hash: str
    folder: str
    host: str
    owner: str
    """The incident folder's own id."""
    by: str
    at: str

    def __str__(self) -> str:
        return f"{self.plan_id} in {self.folder} on {self.host}, by {self.by}"


def read_claim(path: Path) -> Claim | None:
    """The claim in a file; None where there is none.

    Raises
    ------
    PlanError
        If it cannot be read: then it is not free.
    """
    try:
        return Claim(**read_json(path))
    except FileNotFoundError:
        return None
    except (EvidenceError, OSError, ValueError, TypeError, RecursionError) as error:
        raise PlanError(
            f"The claim {path.name[:12]}… in the registry cannot be read.",
            "Find out whose it is before anything is sent; then remove the file by hand.",
        ) from error


def content_of(claim: Claim) -> bytes:
    """A claim as its file holds it."""
    return canonical_json(asdict(claim)).encode()


def refusal(event_key: str, claim: Claim) -> PlanError:
    """What a planner is told of an event that another open plan has."""
    return PlanError(
        f"The event {event_key[:100]} is in another open plan: {claim}.",
        "Ask whoever made it, leave such events out by --leave-out-claimed, or cancel that plan.",
    )


class Free:
    """Which claims may be taken over: of the plan that is replaced, and what a killed planner left behind.

    There is no plan then that has the claim's name and hash. Nobody else plans in this folder meanwhile.
    """

    def __init__(self, directory: Path, owner: str, instead_of: str | None) -> None:
        self._directory, self._owner, self._instead_of = directory, owner, instead_of
        self._left_over: dict[tuple[str, str], bool] = {}

    def may_take(self, claim: Claim) -> bool:
        """Whether this folder's next plan may have what the claim is of."""
        if claim.owner != self._owner:
            return False
        if claim.plan_id == self._instead_of:
            return True
        name = (claim.plan_id, claim.hash)
        if name not in self._left_over:
            self._left_over[name] = claim.plan_id not in find_plans(self._directory) or self._is_another(claim)
        return self._left_over[name]

    def _is_another(self, claim: Claim) -> bool:
        try:
            return read_plan(self._directory, claim.plan_id).hash != claim.hash
        except EvidenceError:
            return False  # a plan that cannot be read may be the one
