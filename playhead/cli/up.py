"""`playhead up`: everything for one session in this terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from playhead.cli import config
from playhead.cli.options import URL_VARIABLE, Url, need
from playhead.config import SessionConfig
from playhead.errors import InvalidInput


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command(
        epilog="Example: playhead up --id demo --symbols RIVN --date 2025-07-02 --source sample: "
        "--speed 60 --run-until 12:06"
    )(up)


@config.configured
def up(
    given: SessionConfig,
    name: config.Id = config.DEFAULT_NAME,
    redis_port: Annotated[
        int | None,
        typer.Option("--redis-port", min=1, max=65_535, help="Port of the embedded Redis, else 6379 or a free one."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", file_okay=False, help="Where the embedded Redis keeps its data, else nowhere."),
    ] = None,
    dashboard_port: Annotated[
        int,
        typer.Option("--dashboard-port", min=1, max=65_535, help="Port of the web page; where taken, a free one."),
    ] = 8765,
    dashboard: Annotated[bool, typer.Option("--dashboard/--no-dashboard", help="Serve the web page too.")] = True,
    url: Url = None,
) -> None:
    """Run everything for one session in this terminal, until Ctrl-C.

    Redis too, unless --url or PLAYHEAD_REDIS_URL names one, and the web page. A finished session stays readable until
    the end.
    """
    if url and (redis_port is not None or data_dir is not None):
        raise InvalidInput(
            "--redis-port and --data-dir are for the embedded Redis, and a URL was given; "
            f"leave out --url and unset {URL_VARIABLE}, or leave them out"
        )
    need("shared", "producer", "coordinator", "workers", *(["recorder"] if given.record else []))
    from playhead.cli.running import Running

    raise typer.Exit(Running(name, given, url, redis_port, data_dir, dashboard_port if dashboard else None).run())
