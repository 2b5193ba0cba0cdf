"""The ticket system that the settings name."""

from __future__ import annotations

from dlqkit.errors import ParameterError
from dlqkit.settings import Settings
from dlqkit.tickets.ticket import TicketSystem

__all__ = ["open_tickets"]


def open_tickets(settings: Settings) -> TicketSystem:
    """The system of ``[tickets]``, its secret resolved; nothing is sent yet.

    Raises
    ------
    ParameterError
        If none is set, or something that it needs is missing.
    """
    own = settings.tickets
    if own.kind == "directory":
        if own.path is None:
            raise ParameterError("tickets.path is not set.", "Name the folder of the tickets there.")
        from dlqkit.tickets.directory import Directory

        return Directory(own.path)
    if own.kind == "jira":
        if own.url is None or own.token is None:
            raise ParameterError("tickets.url or tickets.token is not set.", "Set both; the token is a reference.")
        from dlqkit.tickets.jira import Jira

        return Jira(own.url, own.token, own.user, ca_file=own.ca_file, internal=own.internal)
    raise ParameterError("No ticket system is set.", 'Set kind = "jira" or "directory" under [tickets].')
