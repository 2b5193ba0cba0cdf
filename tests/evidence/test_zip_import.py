"""A zip that somebody sent becomes an incident folder of data, or nothing at all."""

from __future__ import annotations

import json
import random
import signal
import stat
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dlqkit.cli.main import main
from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log, zip_import
from dlqkit.evidence.folder import open_incident
from dlqkit.evidence.zip_import import import_zip
from tests.evidence.tampering import make_folder, verified

LINK, DEVICE = 0o120777 << 16, 0o020666 << 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An incident folder with evidence, plans and a journal."""
    return make_folder(tmp_path_factory.mktemp("zip"))[0]


def pack(folder: Path, target: Path, *, top: str = "orders/", more: Callable[[zipfile.ZipFile], None] = lambda _: None,
         leave: str = "") -> Path:  # fmt: skip
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name != leave:
                packed.write(path, top + name)
        more(packed)
    return target


@pytest.mark.parametrize("top", ["", "orders/", "a/b c/orders/"])
def test_a_folder_that_was_zipped_is_there_again_and_verifies(top: str, folder: Path, tmp_path: Path) -> None:
    done = import_zip(pack(folder, tmp_path / "x.zip", top=top), tmp_path / "incident")

    assert verified(tmp_path / "incident") == {}
    assert len(open_incident(tmp_path / "incident").records().frame) == 18
    assert "republish/plan-001.json" in done.taken
    line = audit_log.read(tmp_path / "incident")[-1]
    assert (line["action"], line["zip_sha256"]) == ("imported", done.zip_sha256)
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "incident").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}


def test_notebooks_programs_reports_and_keys_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    names = ["notebooks/01_signals.ipynb", "notebooks/pandas.py", "report/postmortem.html", "redaction.key", "run.sh",
             "republish/x.json", ".ipython/profile_default/startup/x.py"]  # fmt: skip

    def more(packed: zipfile.ZipFile) -> None:
        for name in names:
            if f"orders/{name}" not in packed.namelist():
                packed.writestr(f"orders/{name}", "x")
        packed.writestr("other/readme.txt", "x")

    done = import_zip(pack(folder, tmp_path / "x.zip", more=more), tmp_path / "incident")

    assert set(names) | {"../other/readme.txt"} <= set(done.left_out)
    assert not {path.suffix for path in (tmp_path / "incident").rglob("*")} & {".py", ".sh", ".ipynb", ".html", ".key"}


BAD: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {}


def bad(name: str, match: str) -> Callable[[Callable[[zipfile.ZipFile], None]], None]:
    def keep(function: Callable[[zipfile.ZipFile], None]) -> None:
        BAD[name] = (function, match)

    return keep


for number, path in enumerate(("/etc/cron.d/x", "../x", "orders/../../x", "orders/evidence/001/../../../x", "C:/x",
                               "orders\\..\\x", "orders//x", "orders/./x", "orders/a\x1b[2J", "orders/" + "n" * 300,
                               "orders/\u202ex")):  # fmt: skip
    bad(f"name {number}", "which leads outside or that no folder can have")(
        lambda packed, path=path: packed.writestr(path, "x")  # type: ignore[misc]
    )


@bad("link", "is a link or a device")
def _link(packed: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("orders/evidence/001/raw")
    entry.external_attr = LINK
    packed.writestr(entry, "/etc")


@bad("device", "is a link or a device")
def _device(packed: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("orders/dev")
    entry.external_attr = DEVICE
    packed.writestr(entry, "")


@bad("twice", "is there twice")
def _twice(packed: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr("orders/incident.toml", "x")


@bad("case", "differs in case alone")
def _case(packed: zipfile.ZipFile) -> None:
    packed.writestr("orders/Evidence/001/Manifest.JSON", "x")


@bad("accents", "differs in case alone")
def _accents(packed: zipfile.ZipFile) -> None:
    packed.writestr("orders/\u00e4", "x")
    packed.writestr("orders/a\u0308", "x")


@bad("file as a folder", "lies in what is a file")
def _nested(packed: zipfile.ZipFile) -> None:
    packed.writestr("orders/incident.toml/x", "x")


@bad("bomb", "packed more than 100 to one")
def _bomb(packed: zipfile.ZipFile) -> None:
    packed.writestr("orders/evidence/001/raw/bomb.zst", bytes(200 << 20))


@bad("two folders", "several incident folders")
def _two(packed: zipfile.ZipFile) -> None:
    packed.writestr("more/incident.toml", "x")


@bad("other compression", "compressed in a way that is not read")
def _bzip2(packed: zipfile.ZipFile) -> None:
    packed.writestr("orders/a", "x" * 100, zipfile.ZIP_BZIP2)


@pytest.mark.parametrize("name", BAD)
def test_a_zip_that_would_reach_beyond_its_folder_or_fill_the_disk_is_refused(
    name: str, folder: Path, tmp_path: Path
) -> None:
    more, match = BAD[name]
    source = pack(folder, tmp_path / "x.zip", more=more)

    with pytest.raises(EvidenceError, match=match):
        import_zip(source, tmp_path / "place" / "incident")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [source]


def test_an_entry_that_lies_about_its_size_is_cut_off_where_it_says_it_ends(folder: Path, tmp_path: Path) -> None:
    """Ten bytes by the list, two hundred million by the stream."""
    source = pack(folder, tmp_path / "x.zip", more=lambda packed: packed.writestr("orders/judgement.yaml",
                                                                                  bytes(200 << 20)))  # fmt: skip
    content = bytearray(source.read_bytes())
    at = content.rfind(b"PK\x01\x02", 0, content.rfind(b"orders/judgement.yaml"))
    struct.pack_into("<I", content, at + 24, 10)
    source.write_bytes(content)

    with pytest.raises(EvidenceError):
        import_zip(source, tmp_path / "incident")
    assert not (tmp_path / "incident").exists()


def test_a_list_of_a_million_files_is_not_read_into_memory(tmp_path: Path) -> None:
    """As the end of the zip says it, also in its larger form."""
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**6, 10**6, 10**8, 0)
    (tmp_path / "x.zip").write_bytes(end64 + struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1) + end)

    with pytest.raises(EvidenceError, match="more than 100,000 files"):
        import_zip(tmp_path / "x.zip", tmp_path / "incident")


def test_bounds_are_counted_over_all_files(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = pack(folder, tmp_path / "x.zip")
    monkeypatch.setattr(zip_import, "MAX_BYTES", 10_000)
    with pytest.raises(EvidenceError, match="larger than"):
        import_zip(source, tmp_path / "incident")
    monkeypatch.undo()
    monkeypatch.setattr(zip_import, "MAX_ENTRIES", 5)
    with pytest.raises(EvidenceError, match="lists more than"):
        import_zip(source, tmp_path / "incident")


@pytest.mark.parametrize("cut", [0, 10, 1000])
def test_what_is_no_zip_or_half_of_one_is_refused(cut: int, folder: Path, tmp_path: Path) -> None:
    source = pack(folder, tmp_path / "x.zip")
    source.write_bytes(source.read_bytes()[:cut])

    with pytest.raises(ParameterError, match="is no zip"):
        import_zip(source, tmp_path / "incident")


def test_a_byte_that_flipped_on_the_way_is_found(folder: Path, tmp_path: Path) -> None:
    source = pack(folder, tmp_path / "x.zip")
    content = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as packed:
        content[packed.getinfo("orders/evidence/001/records.parquet").header_offset + 200] ^= 1
    source.write_bytes(content)

    with pytest.raises(EvidenceError, match="is damaged"):
        import_zip(source, tmp_path / "incident")
    assert not (tmp_path / "incident").exists()


def test_what_was_changed_before_it_was_zipped_is_named_by_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = pack(folder, tmp_path / "x.zip", leave="evidence/001/records.parquet")
    answers = []
    for directory, more in ((tmp_path / "one", ["--json"]), (tmp_path / "one", []), (tmp_path / "two", [])):
        monkeypatch.setattr(sys, "argv", ["dlqkit", "import", str(source), str(directory), *more])
        with pytest.raises(SystemExit) as ended:
            main()
        answers.append((ended.value.code, *capsys.readouterr()))

    assert answers[0][0] == 4
    assert json.loads(answers[0][1])["changes"] == [{"path": "evidence/001/records.parquet", "what": "is missing"}]
    assert answers[1][0] == 2
    assert "is there already" in " ".join(answers[1][2].split())
    assert "evidence/001/records.parquet: is missing" in answers[2][1]


def test_a_folder_of_many_files_that_are_none_of_ours_is_imported_at_once_and_twenty_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many as a zip may hold, of one length and one beginning; by their square they took minutes."""
    source = tmp_path / "x.zip"
    with zipfile.ZipFile(source, "w") as packed:
        packed.writestr("orders/incident.toml", "")
        for number in range(99_000):
            packed.writestr(f"orders/node_modules/{'a/' * 8}{number:05d}.js", "")
    monkeypatch.setattr(sys, "argv", ["dlqkit", "import", str(source), str(tmp_path / "incident")])
    began = time.process_time()
    with pytest.raises(SystemExit) as ended:
        main()

    assert time.process_time() - began < 30
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1 files were taken")
    assert lines[1:21] == [f"node_modules/{'a/' * 8}{number:05d}.js: left out" for number in range(20)]
    assert lines[21] == "… and 98,980 more were left out; --json names all."
    assert lines[22].startswith("Nothing changed")


def import_in_a_process(source: Path, directory: Path) -> subprocess.Popen[str]:
    """An import that stops at its first file until it is ended."""
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # whoever runs the tests may not hear it
        "from dlqkit.cli.main import main\n"
        "from dlqkit.evidence import zip_import\n"
        "def write(path, chunks, most):\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        "    path.touch()\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
        "zip_import.write_stream = write\n"
        f"sys.argv = ['dlqkit', 'import', {str(source)!r}, {str(directory)!r}]\n"
        "main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_an_import_that_is_asked_to_end_leaves_nothing(sent: signal.Signals, folder: Path, tmp_path: Path) -> None:
    source = pack(folder, tmp_path / "x.zip")
    process = import_in_a_process(source, tmp_path / "incident")
    assert len(list(tmp_path.glob(".incident.*.import"))) == 1

    process.send_signal(sent)
    process.communicate(timeout=30)

    assert process.returncode == 128 + sent
    assert list(tmp_path.iterdir()) == [source]


def test_what_a_killed_import_left_is_named_by_the_next_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not removed: another import may be at work in it."""
    source = pack(folder, tmp_path / "x.zip")
    process = import_in_a_process(source, tmp_path / "incident")
    process.kill()
    process.communicate(timeout=30)
    (left,) = tmp_path.glob(".incident.*.import")

    monkeypatch.setattr(sys, "argv", ["dlqkit", "import", str(source), str(tmp_path / "incident")])
    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 0
    assert f"{left} is of an import that was killed; remove it unless that one still runs." in capsys.readouterr().out
    assert left.is_dir()


def test_an_audit_log_that_was_cut_before_it_was_zipped_stays_found_after_further_lines(
    folder: Path, tmp_path: Path
) -> None:
    """The import adds a line, which makes the head fit again; that it did not is in that line."""

    def more(packed: zipfile.ZipFile) -> None:
        packed.writestr("audit.jsonl", b"".join((folder / "audit.jsonl").read_bytes().splitlines(keepends=True)[:-1]))

    import_zip(pack(folder, tmp_path / "x.zip", top="", leave="audit.jsonl", more=more), tmp_path / "incident")
    audit_log.append(tmp_path / "incident", "look")

    assert "did not fit its head before line" in verified(tmp_path / "incident")["audit.jsonl"]


def test_a_zip_of_bytes_at_random_is_refused_and_no_crash(folder: Path, tmp_path: Path) -> None:
    """Bytes changed all over a good zip."""
    draw, whole = random.Random(4), pack(folder, tmp_path / "x.zip").read_bytes()
    for number in range(150):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 6)):
            # Near its end, where the list is, as often as anywhere.
            first = len(content) - 4000 if draw.random() < 0.6 else 0
            content[draw.randrange(first, len(content))] = draw.randrange(256)
        (tmp_path / "y.zip").write_bytes(content)
        try:
            import_zip(tmp_path / "y.zip", tmp_path / f"incident-{number}")
        except (EvidenceError, ParameterError):
            assert not (tmp_path / f"incident-{number}").exists()
    assert list(tmp_path.glob("*.import")) == list(tmp_path.glob(".*.import")) == []
