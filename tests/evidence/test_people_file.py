"""Of two who write to judgement.yaml at once neither loses a word."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from dlqkit.closure.word import Acceptance, add_word, read_word
from dlqkit.errors import StorageError
from dlqkit.evidence import audit_log, people_file
from dlqkit.evidence.people_file import editing
from dlqkit.evidence.store import create_bytes
from dlqkit.report.judgement_file import write_judgement, write_template

AT = "2026-03-02T15:00:00+00:00"
CHILD = """
import sys
from pathlib import Path
from dlqkit.closure.word import Acceptance, add_word
from dlqkit.report.judgement_file import write_judgement
number, place = int(sys.argv[1]), Path(sys.argv[2])
sys.stdin.readline()
for turn in range(5):
    if number % 2:
        add_word(place, Acceptance("records", "no", f"p{number}", f"turn {turn}", sys.argv[3], sys.argv[3], 1.0))
    else:
        write_judgement(place, **{("owner", "cause", "done", "prevention")[number // 2 % 4]: f"p{number} turn {turn}"})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "incident.toml").write_text("[incident]\n")
    return tmp_path


def test_words_of_eight_people_at_once_are_all_there(folder: Path) -> None:
    """Four accept items, four write what they know, five times each, from commands of their own."""
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, str(number), str(folder), AT], stdin=subprocess.PIPE)
        for number in range(8)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.close()
    assert [child.wait(120) for child in children] == [0] * 8

    said = {(one.by, one.reason) for one in read_word(folder).accepted}
    assert said == {(f"p{number}", f"turn {turn}") for number in (1, 3, 5, 7) for turn in range(5)}
    values = yaml.safe_load((folder / "judgement.yaml").read_text())
    assert [values[name] for name in ("owner", "cause", "done", "prevention")] == [
        f"p{number} turn 4" for number in (0, 2, 4, 6)
    ]
    assert len(audit_log.read(folder)) == 40
    assert audit_log.check_chain(folder).faults == ()


def test_a_file_that_an_editor_saved_meanwhile_is_not_written_over(folder: Path) -> None:
    path = folder / "judgement.yaml"
    path.write_text("owner: team-a\n")

    with editing(path) as write, pytest.raises(StorageError, match="changed by somebody else") as caught:
        path.write_text("owner: team-b\n")
        write("owner: team-c\n")

    assert path.read_text() == "owner: team-b\n"
    assert "Run the same command again" in caught.value.next_step
    write_judgement(folder, cause="it")
    assert yaml.safe_load(path.read_text()) == {"owner": "team-b", "cause": "it"}


def test_one_who_hangs_is_waited_for_and_then_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is let go by the one who holds it, or by its end; nobody waits for ever."""
    path = folder / "judgement.yaml"
    monkeypatch.setattr(people_file, "WAIT_S", 0.2)
    with editing(path), pytest.raises(StorageError, match="Another dlqkit has been writing"):
        add_word(folder, Acceptance("records", "no", "ann", "known", AT, AT, 1.0))
    assert not path.exists()

    monkeypatch.setattr(people_file, "WAIT_S", 10.0)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with editing(path):
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    entered.wait(10)
    threading.Timer(0.2, leave.set).start()
    word = add_word(folder, Acceptance("records", "no", "ann", "known", AT, AT, 1.0))
    other.join(10)
    assert [one.by for one in word.accepted] == ["ann"]


def test_the_template_is_not_put_over_what_somebody_wrote_first(folder: Path) -> None:
    """Two who find no file both begin with one: the second one's is dropped."""
    assert create_bytes(folder / "judgement.yaml", b"owner: team-a\n")
    assert not create_bytes(folder / "judgement.yaml", b"# template\n")

    assert (folder / "judgement.yaml").read_text() == "owner: team-a\n"
    assert sorted(path.name for path in folder.iterdir()) == ["incident.toml", "judgement.yaml"]


def test_the_template_waits_for_whoever_is_writing_and_is_no_editor_to_him(folder: Path) -> None:
    """The first word of an incident and its first report may come in the same moment."""
    path = folder / "judgement.yaml"
    with editing(path) as write:
        other = threading.Thread(target=write_template, args=(folder,))
        other.start()
        other.join(0.2)
        assert other.is_alive()
        write("owner: team-a\n")
    other.join(10)

    assert path.read_text() == "owner: team-a\n"


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "a: &b [1]\nc: *b", "a: 2026-02-31",
                                  "!!python/object/apply:os.system [touch x]"])  # fmt: skip
def test_yaml_that_would_take_all_time_or_memory_is_refused_at_once(text: str) -> None:
    """Brackets without end, aliases, dates that are none, objects of Python."""
    began = time.process_time()
    with pytest.raises(yaml.YAMLError):
        people_file.load_yaml(text)

    assert time.process_time() - began < 5
