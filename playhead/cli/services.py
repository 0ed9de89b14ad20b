"""`playhead producer`, `coordinator`, `worker`, `recorder`: one role each, in this process."""

from __future__ import annotations

import os
from importlib import import_module

import typer

from playhead.cli.options import QUEUE_URL_VARIABLE, URL_VARIABLE, QueueUrl, Url, need


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command(epilog="Example: playhead producer --url redis://10.0.0.5:6379/0")(producer)
    app.command(epilog="Example: playhead coordinator --url redis://10.0.0.5:6379/0")(coordinator)
    app.command(epilog="Example: playhead worker --queue-url redis://10.0.0.5:6379/0")(worker)
    app.command(epilog="Example: playhead recorder --url redis://10.0.0.5:6379/0")(recorder)


def producer(url: Url = None, queue_url: QueueUrl = None) -> None:
    """Run a producer: it publishes the bars of all sessions on the server."""
    _run("producer", url, queue_url)


def coordinator(url: Url = None, queue_url: QueueUrl = None) -> None:
    """Run a coordinator: it keeps the clocks of all sessions on the server."""
    _run("coordinator", url, queue_url)


def worker(url: Url = None, queue_url: QueueUrl = None) -> None:
    """Run a worker: it loads the symbols that are added."""
    _run("workers", url, queue_url)


def recorder(url: Url = None) -> None:
    """Run a recorder: it writes the ticks of sessions with --record to Parquet files."""
    _run("recorder", url, None)


def _run(package: str, url: str | None, queue_url: str | None) -> None:
    """Becomes the service; it reads its settings from the environment, as when an image starts it."""
    need("shared", package)
    for variable, value in ((URL_VARIABLE, url), (QUEUE_URL_VARIABLE, queue_url)):
        if value:
            os.environ[variable] = value
    raise typer.Exit(import_module(f"{package}.__main__").main())
