from __future__ import annotations

from dlqkit.sources.page_joins import PageJoins


def test_pages_join_where_the_second_has_the_last_record_of_the_first() -> None:
    joins = PageJoins()
    joins.add([1, 2, 3], 0, 0)
    joins.add([3, 4, 5], 2, 1)

    assert (joins.open, joins.grew) == (set(), False)


def test_a_list_that_grew_shows_more_than_was_asked_for_again() -> None:
    """One record is asked for again, and it stands third: two came in front."""
    joins = PageJoins()
    joins.add([1, 2, 3], 0, 0)
    joins.add([2, 1, 3], 2, 1)

    assert (joins.open, joins.grew) == (set(), True)


def test_between_pages_that_do_not_overlap_a_record_may_have_slipped_by() -> None:
    joins = PageJoins()
    joins.add([1, 2, 3], 0, 0)
    joins.add([4, 5, 6], 1, 0)
    joins.add([7, 8, 9], 2, 0)
    assert joins.open == {0, 1}

    joins.look([3, 99, 4], None)
    assert joins.open == {1}

    joins.look([9, 10], None)
    assert joins.open == {1}


def test_two_pages_that_come_again_as_they_were_join() -> None:
    """Of a list that stood still nothing slipped by; one page alone shows nothing of its neighbour."""
    joins = PageJoins()
    joins.add([1, 2], 0, 0)
    joins.add([3, 4], 1, 0)
    joins.look([1, 2], 0)
    assert joins.open == {0}

    joins.look([3, 5], 1)
    assert joins.open == {0}

    joins.look([3, 4], 1)
    assert joins.open == set()


def test_the_last_page_once_more_is_no_growth() -> None:
    joins = PageJoins()
    joins.add([1, 2], 0, 0)
    joins.add([1, 2], 1, 0)

    assert (joins.open, joins.grew) == (set(), False)


def test_a_page_that_is_known_to_join_leaves_nothing_open() -> None:
    """Read again from further back, because the record that should have been there has gone."""
    joins = PageJoins()
    joins.add([1, 2, 3], 0, 0)
    joins.add([2, 4, 5], 1, 1, joined=True)

    assert joins.open == set()
