"""Which states of records were met: as a set of Python numbers has it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlqkit.sources.seen_states import SeenStates

PAGES = st.lists(st.lists(st.one_of(st.integers(0, 20), st.integers(0, 2**64 - 1)), max_size=30), max_size=30)


@given(pages=PAGES)
def test_pages_in_any_order_and_size_are_met_like_in_a_set(pages: list[list[int]]) -> None:
    """Each state is new once, whether it comes again on its own page, the next, or the last."""
    seen, plain = SeenStates(), set[int]()
    for page in pages:
        assert seen.known(page).tolist() == [key in plain for key in page]
        expected = [key not in plain and key not in page[:place] for place, key in enumerate(page)]
        assert seen.add(page).tolist() == expected
        plain.update(page)
        assert len(seen) == len(plain)


def test_a_million_states_take_eight_bytes_each() -> None:
    """Kept in a few runs, so that a thousandth page costs about what the first did."""
    seen = SeenStates()
    for page in range(1000):
        seen.add(range(page * 1000, page * 1000 + 1000))

    assert len(seen) == 1_000_000
    assert sum(run.nbytes for run in seen._runs) == 8_000_000
    assert len(seen._runs) <= 11
