"""`playhead producer`, `coordinator`, `worker`, `recorder`, `dashboard`: one role each, in this process."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Annotated, Final

import typer

from playhead.cli.options import QUEUE_URL_VARIABLE, URL_VARIABLE, QueueUrl, Url, need, need_page

PAGE: Final = "PLAYHEAD_DASHBOARD_"
"""What the variables of the page begin with."""

METRICS_PORT_VARIABLE: Final = "PLAYHEAD_METRICS_PORT"
METRICS_HOST_VARIABLE: Final = "PLAYHEAD_METRICS_HOST"
LOG_FORMAT_VARIABLE: Final = "PLAYHEAD_LOG_FORMAT"

# Texts: the service refuses a wrong one in a line, whether it comes from here or from the environment.
MetricsPort = Annotated[
    str | None,
    typer.Option(
        "--metrics-port",
        metavar="PORT",
        envvar=METRICS_PORT_VARIABLE,
        help="Answer /metrics (for Prometheus) and /healthz on this port, else nowhere.",
    ),
]
MetricsHost = Annotated[
    str | None,
    typer.Option(
        "--metrics-host",
        metavar="ADDRESS",
        envvar=METRICS_HOST_VARIABLE,
        help="The IP address to listen on for that, else 127.0.0.1.",
    ),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format", metavar="text|json", envvar=LOG_FORMAT_VARIABLE, help="The form of the log, else text."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command(epilog="Example: playhead producer --url redis://10.0.0.5:6379/0")(producer)
    app.command(epilog="Example: playhead coordinator --url redis://10.0.0.5:6379/0")(coordinator)
    app.command(epilog="Example: playhead worker --queue-url redis://10.0.0.5:6379/0")(worker)
    app.command(epilog="Example: playhead recorder --url redis://10.0.0.5:6379/0")(recorder)
    app.command(epilog="Example: playhead dashboard --port 8765")(dashboard)


def producer(
    url: Url = None,
    queue_url: QueueUrl = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = None,
    log_format: LogFormat = None,
) -> None:
    """Run a producer: it publishes the bars of all sessions on the server."""
    _run("producer", url, queue_url, metrics_port, metrics_host, log_format)


def coordinator(
    url: Url = None,
    queue_url: QueueUrl = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = None,
    log_format: LogFormat = None,
) -> None:
    """Run a coordinator: it keeps the clocks of all sessions on the server."""
    _run("coordinator", url, queue_url, metrics_port, metrics_host, log_format)


def worker(
    url: Url = None,
    queue_url: QueueUrl = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = None,
    log_format: LogFormat = None,
) -> None:
    """Run a worker: it loads the symbols that are added."""
    _run("workers", url, queue_url, metrics_port, metrics_host, log_format)


def recorder(
    url: Url = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = None,
    log_format: LogFormat = None,
) -> None:
    """Run a recorder: it writes the ticks of sessions with --record to Parquet files."""
    _run("recorder", url, None, metrics_port, metrics_host, log_format)


def dashboard(
    host: Annotated[
        str | None,
        typer.Option("--host", envvar=f"{PAGE}HOST", help="IP address to serve it at, else 127.0.0.1: this machine."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65_535, envvar=f"{PAGE}PORT", help="Port, else 8765 or a free one."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", envvar=f"{PAGE}TOKEN", help="Let in only who knows it. Better set in the environment."),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", envvar=f"{PAGE}USER", help="The same by user and password.")
    ] = None,
    password: Annotated[
        str | None,
        typer.Option("--password", envvar=f"{PAGE}PASSWORD", help="The password. Better set in the environment."),
    ] = None,
    random_token: Annotated[
        bool,
        typer.Option("--random-token", envvar=f"{PAGE}RANDOM_TOKEN", help="Make a token if none is given, and log it."),
    ] = False,
    url: Url = None,
    queue_url: QueueUrl = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = None,
    log_format: LogFormat = None,
) -> None:
    """Run the web page: all sessions on the server in a browser."""
    need_page()
    given = {"HOST": host, "PORT": port, "TOKEN": token, "USER": user, "PASSWORD": password}
    os.environ |= {f"{PAGE}{name}": str(value) for name, value in given.items() if value is not None}
    if random_token:
        os.environ[f"{PAGE}RANDOM_TOKEN"] = "1"
    _run("dashboard", url, queue_url, metrics_port, metrics_host, log_format)


def _run(
    package: str,
    url: str | None,
    queue_url: str | None,
    metrics_port: str | None,
    metrics_host: str | None,
    log_format: str | None,
) -> None:
    """Becomes the service; it reads its settings from the environment, as when an image starts it."""
    need("shared", package)
    given = {
        URL_VARIABLE: url,
        QUEUE_URL_VARIABLE: queue_url,
        METRICS_PORT_VARIABLE: metrics_port,
        METRICS_HOST_VARIABLE: metrics_host,
        LOG_FORMAT_VARIABLE: log_format,
    }
    os.environ.update({variable: value for variable, value in given.items() if value})
    raise typer.Exit(import_module(f"{package}.__main__").main())
