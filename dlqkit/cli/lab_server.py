"""The server of ``dlqkit lab``: JupyterLab on loopback, with a token, asking nobody else; or it does not start."""

from __future__ import annotations

import ipaddress
import secrets
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from dlqkit.errors import ParameterError

__all__ = ["check_server", "main", "start_server"]

_TOKEN_BYTES = 24
# What was set on the command line holds before anything of the user's own configuration.
_SETTINGS = (
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.sock=",
    "--ServerApp.allow_remote_access=False",
    "--ServerApp.allow_unauthenticated_access=False",
    "--ServerApp.allow_origin=",
    "--ServerApp.allow_origin_pat=",
    "--ServerApp.disable_check_xsrf=False",
    "--IdentityProvider.token={token}",
    # Neither news, nor newer versions, nor PyPI's list of extensions are asked for.
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)


def check_server(server: Any) -> None:
    """Refuse a server that others could reach or use.

    Parameters
    ----------
    server : jupyter_server.serverapp.ServerApp
        Initialized, not started: what its own and the user's configuration have made of it.

    Raises
    ------
    ParameterError
        If it is not on loopback, has no token, lets other sites or anybody without a token in, or checks no XSRF.
    """
    identity = server.identity_provider
    wrong = [
        name
        for name, is_wrong in (
            ("ServerApp.ip", server.sock or not _is_loopback(server.ip)),
            ("ServerApp.allow_remote_access", server.allow_remote_access),
            ("ServerApp.allow_unauthenticated_access", server.allow_unauthenticated_access),
            ("ServerApp.allow_origin", server.allow_origin or server.allow_origin_pat),
            ("ServerApp.disable_check_xsrf", server.disable_check_xsrf),
            ("IdentityProvider.token", not identity.token or not identity.auth_enabled),
        )
        if is_wrong
    ]
    if wrong:
        raise ParameterError(
            f"JupyterLab would be open to others: {', '.join(wrong)} of your Jupyter configuration is set so.",
            "Remove it there; dlqkit lab starts on loopback, with a token and with XSRF checks, or not at all.",
        )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def start_server(arguments: Sequence[str]) -> None:
    """Serve until stopped, with these arguments of JupyterLab's beside our own.

    Raises
    ------
    ParameterError
        As ``check_server``.
    """
    from jupyter_server.utils import JupyterServerAuthWarning
    from jupyterlab.labapp import LabApp

    # Sockets of extensions that ask for the user by themselves; with what is set above they are refused without one.
    warnings.filterwarnings("ignore", category=JupyterServerAuthWarning)
    own = [setting.format(token=secrets.token_hex(_TOKEN_BYTES)) for setting in _SETTINGS]
    server = LabApp.initialize_server(argv=[*arguments, *own])
    try:
        check_server(server)
    except ParameterError:
        server.http_server.stop()
        raise
    # Or the address that is shown and opened would have dots in its place.
    server.identity_provider.token_generated = True
    server.start()


def main() -> None:
    """Start with the arguments of the command line."""
    try:
        start_server(sys.argv[1:])
    except ParameterError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
