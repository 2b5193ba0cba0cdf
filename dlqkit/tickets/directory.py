"""Reports in a folder: for teams whose tickets are read from one, and for a look before anything is sent."""

from __future__ import annotations

from pathlib import Path

from dlqkit.errors import ParameterError
from dlqkit.evidence.store import make_folder, write_bytes
from dlqkit.tickets.ticket import Attached, Report, check_key
from dlqkit.untrusted import for_markdown

__all__ = ["Directory"]


class Directory:
    """A folder with a folder for each ticket.

    Parameters
    ----------
    path : Path
        It has to be there.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise ParameterError(f"The folder {path.name} of the tickets does not exist.", "Check tickets.path.")
        self._path = path

    def attach(self, ticket: str, report: Report) -> Attached:
        """Write the files, and the comment as Markdown; what is there already is left as it is."""
        folder = self._path / check_key(ticket)
        make_folder(folder)
        text = "\n".join(f"- **{for_markdown(label)}**: {for_markdown(words)}" for label, words in report.lines)
        comment = f"comment-{report.mark}.md"
        added = []
        for name, content in (*((file.name, file.content) for file in report.files), (comment, f"{text}\n".encode())):
            if not (folder / name).exists():
                write_bytes(folder / name, content)
                added.append(name)
        return Attached(ticket, str(folder), tuple(one for one in added if one != comment), comment in added)
