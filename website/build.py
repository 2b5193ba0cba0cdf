"""The documentation as a site: ``python -m website.build`` writes build/site; a warning is an error."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from website.reference import write_reference

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# A reader who is given the folder alone fetches nothing: these begin what a browser would.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc="(?:https?:)?//[^"]*"|"""
    r"""<link\b(?=[^>]*\brel="(?:stylesheet|preload|icon|preconnect|prefetch)")[^>]*\bhref="(?:https?:)?//[^"]*"|"""
    r"""@import\s+(?:url\()?["']?(?:https?:)?//[^"';)]*|url\(["']?(?:https?:)?//[^"')]*"""
)


def navigation() -> list[Any]:
    """The navigation as it is written, ``design`` and ``reference`` not yet filled in."""
    config: dict[str, Any] = tomllib.loads((ROOT / "website" / "zensical.toml").read_text(encoding="utf-8"))
    return list(config["project"]["nav"])


def pages_of(entry: Any) -> Iterator[str]:
    """Each page that an entry of the navigation names, in order."""
    if isinstance(entry, str):
        yield entry
    else:
        for one in entry.values() if isinstance(entry, dict) else entry:
            yield from pages_of(one)


def build(target: Path, *, docs: Path = DOCS) -> str:
    """Write the site into ``target / "site"``; what Zensical said.

    Raises
    ------
    SystemExit
        With what is wrong: a link or anchor that leads nowhere, a page that is not there, something to fetch.
    """
    copy = target / "docs"
    for folder in (copy, target / "site"):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(docs, copy)
    shutil.copytree(ROOT / "website" / "assets", copy / "assets")
    lists = {
        "reference": write_reference(copy / "reference"),
        "design": [f"design/{path.name}" for path in sorted((docs / "design").glob("*.md"), key=_readme_first)],
    }
    text = (ROOT / "website" / "zensical.toml").read_text(encoding="utf-8")
    for name, pages in lists.items():
        text = text.replace(f'"{name}"]', ", ".join(f'"{page}"' for page in pages) + "]")
    (target / "zensical.toml").write_text(text, encoding="utf-8")
    missing = sorted(page for page in pages_of(tomllib.loads(text)["project"]["nav"]) if not (copy / page).is_file())
    if missing:
        raise SystemExit(f"website/zensical.toml names pages that are not there: {', '.join(missing)}")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", "zensical.toml"]
    said = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
    # In colour, whatever it is told, and with its own stack at the end.
    told = re.sub(r"\x1b\[[0-9;]*m", "", said.stdout + said.stderr).partition("Traceback (most recent")[0]
    if said.returncode != 0:
        raise SystemExit(told)
    fetched = sorted(find_fetched(target / "site"))
    if fetched:
        raise SystemExit("The site would fetch what is elsewhere:\n" + "\n".join(fetched))
    return told


def _readme_first(path: Path) -> tuple[bool, str]:
    return path.name != "README.md", path.name


def find_fetched(site: Path) -> Iterator[str]:
    """Each thing that a browser would fetch from elsewhere, with its file."""
    for path in site.rglob("*"):
        if path.suffix in {".html", ".css"}:
            for found in _FETCHED.findall(path.read_text(encoding="utf-8")):
                yield f"{path.relative_to(site)}: {found}"


if __name__ == "__main__":
    sys.stdout.write(build(ROOT / "build"))
    sys.stdout.write(f"{ROOT / 'build' / 'site' / 'index.html'}\n")
