"""A renamed incident folder is the same one, a copy of it another."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dlqkit.republish.owner import read_owner


def test_a_folder_keeps_its_id_when_it_is_renamed_and_a_copy_gets_its_own(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    own = read_owner(one)
    shutil.copytree(one, tmp_path / "copy")
    one.rename(tmp_path / "two")

    assert read_owner(tmp_path / "two") == own
    copied = read_owner(tmp_path / "copy")
    assert copied != own
    assert read_owner(tmp_path / "copy") == copied


def test_a_folder_whose_numbers_are_used_again_does_not_take_the_first_ones_place(tmp_path: Path) -> None:
    """What stands in its file is another one's: only the id counts, and it is random."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = read_owner(tmp_path / "one")
    shutil.rmtree(tmp_path / "one")
    (tmp_path / "one").mkdir()

    assert len({first, read_owner(tmp_path / "one"), read_owner(tmp_path / "two")}) == 3


def test_a_damaged_file_gives_a_new_id(tmp_path: Path) -> None:
    """Then the folder's claims are another one's: it may send less, never more."""
    first = read_owner(tmp_path)
    path = tmp_path / "republish" / "owner.json"
    path.write_text(json.dumps({"owner": first}))

    assert read_owner(tmp_path) != first


def test_all_who_ask_at_once_are_told_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read_owner, [tmp_path] * 40))) == 1
