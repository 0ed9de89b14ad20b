"""The services as `docker compose up` starts them, and how a test gets at them from outside."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_docker.plugin import Services, get_docker_services

from shared.free_port import free_port
from tests.e2e.support.docker import Container, Outcome, docker, run
from tests.e2e.support.images import REPOSITORY, Images
from tests.support.waiting import wait_until

FILES: Final = [str(REPOSITORY / "docker-compose.yml"), str(REPOSITORY / "tests" / "e2e" / "docker-compose.yml")]
CLEANUP: Final = ["down --volumes --remove-orphans --timeout 5"]
ROLES: Final = ("redis", "producer", "coordinator", "coordinator-standby", "worker", "dashboard")
UP_TIMEOUT_S: Final = 90.0
LABEL: Final = "playhead.e2e"
"""Containers that a test starts beside the services carry it, with the project as its value."""
_LINE = re.compile(
    r"(?P<moment>\S+Z) (?P<level>[A-Z]+) (?P<role>\w+) (?P<text>.*?)(?P<fields>( (session|command)=\S+)*)"
)


@dataclass(frozen=True)
class LogLine:
    """One line of a service's log. `text` is without the fields at its end."""

    container: str
    """As compose names it, with its number: `worker_2`."""
    moment: str
    role: str
    text: str
    fields: Mapping[str, str]


def compose_command() -> str:
    """`docker compose` (v2) where it is there, else `docker-compose` (v1)."""
    return "docker compose" if run(["docker", "compose", "version"]).code == 0 else "docker-compose"


@dataclass
class Settings:
    """What a stack is started with. It becomes a file for `--env-file`."""

    directory: Path
    images: Images
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port("127.0.0.1")
        self.gates = self.directory / "gates"
        self.gates.mkdir(parents=True)
        self.gates.chmod(0o777)  # a source in a container notes there that it waits, under the user of the image
        values = {
            "PLAYHEAD_IMAGE": self.images.project,
            "REDIS_IMAGE": self.images.redis,
            "PLAYHEAD_REDIS_PORT": str(self.port),
            "PLAYHEAD_DASHBOARD_PORT": str(free_port("127.0.0.1")),
            "E2E_GATES": str(self.gates),
            **self.variables,
        }
        self.file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    @property
    def file(self) -> Path:
        return self.directory / "compose.env"

    @property
    def command(self) -> str:
        """The compose command with these settings."""
        return f"{compose_command()} --env-file {shlex.quote(str(self.file))}"


class Stack:
    """The running services of one compose project."""

    def __init__(self, services: Services, project: str, settings: Settings) -> None:
        self._compose = services._docker_compose
        self.project = project
        self.settings = settings
        self.url = f"redis://127.0.0.1:{settings.port}/0"
        """The published port."""
        self._started: list[Container] = []

    @property
    def network(self) -> str:
        return f"{self.project}_default"

    def up(self, *services: str, **scale: int) -> None:
        """Starts services, by default all, and waits until the roles are healthy and the session has been started."""
        scaled = " ".join(f"--scale {service}={count}" for service, count in scale.items())
        self.compose(f"up --detach --no-build {scaled} {' '.join(services)}")
        self.wait_healthy()
        for starter in self.containers("session"):
            wait_until(starter.has_ended, UP_TIMEOUT_S, "the session to be started")

    def wait_healthy(self, *services: str) -> None:
        """Waits until services, by default all roles, do their work."""
        for service in services or ROLES:
            for container in self.containers(service):
                wait_until(container.is_healthy, UP_TIMEOUT_S, f"{service} to be healthy")

    def compose(self, subcommand: str) -> str:
        """What a compose command prints. Raises where it fails."""
        output: bytes = self._compose.execute(subcommand)
        return output.decode()

    def containers(self, service: str) -> list[Container]:
        """The containers of a service, ended ones too; never those of `run`."""
        labels = {"project": self.project, "service": service, "oneoff": "False"}
        filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return [Container(id) for id in docker("ps", "--all", "--quiet", *filters).split()]

    def container(self, service: str) -> Container:
        """The one container of a service."""
        (only,) = self.containers(service)
        return only

    def serving(self, role: str, session: str) -> Container:
        """The container of a role that was the last to do something for a session, as its log says; else any."""
        candidates = self.containers(role)
        if role == "coordinator":
            candidates += self.containers("coordinator-standby")
        return max(candidates, key=lambda each: _last_moment(each.log(), f" session={session}( |$)"))

    def cli(self, *arguments: str) -> Outcome:
        """Runs a command in the CLI's container, as a user types it."""
        command = [*shlex.split(self.settings.command)]
        for file in FILES:
            command += ["-f", file]
        return run([*command, "-p", self.project, "run", "--rm", "--no-deps", "-T", "cli", *arguments])

    def redis_cli(self, *arguments: str) -> str:
        """What `redis-cli` prints inside the container of Redis."""
        return docker("exec", self.container("redis").id, "redis-cli", *arguments)

    def consume(self, session: str, consumer: str) -> Container:
        """A recorder in a container of its own, which is started again if it crashes."""
        arguments = [
            "--detach",
            "--init",
            "--read-only",
            "--tmpfs=/tmp",
            "--restart=on-failure",
            f"--network={self.network}",
        ]
        arguments += [f"--label={LABEL}={self.project}", f"--volume={REPOSITORY / 'tests'}:/app/tests:ro"]
        arguments += [
            "--env=PLAYHEAD_REDIS_URL=redis://redis:6379/0",
            "--entrypoint=python",
            self.settings.images.project,
        ]
        return Container(docker("run", *arguments, "-m", "tests.e2e.support.recorder", session, consumer))

    def logs(self, *services: str) -> list[LogLine]:
        """What the services have logged, merged by time. In the same millisecond a worker's line comes first: the
        coordinator answers workers.
        """
        text = self.compose(f"logs --no-color {' '.join(services)}")
        found = []
        for line in text.splitlines():
            container, _, said = line.partition("| ")
            match = _LINE.fullmatch(said.strip())
            if match is not None:
                fields = dict(part.split("=", 1) for part in match["fields"].split())
                found.append(LogLine(container.strip(), match["moment"], match["role"], match["text"], fields))
        return sorted(found, key=lambda line: (line.moment, line.role != "worker"))

    def log_text(self) -> str:
        """Everything that all containers have printed."""
        return self.compose("logs --no-color --tail=400")

    def remove_consumers(self) -> None:
        """Ends what `consume` has started."""
        found = docker("ps", "--all", "--quiet", f"--filter=label={LABEL}={self.project}").split()
        if found:
            docker("rm", "--force", "--volumes", *found)


@contextmanager
def own_stack(settings: Settings, project: str) -> Iterator[Stack]:
    """A stack that is not started yet, for a test that kills what others depend on. Nothing is left of it."""
    command = settings.command
    with get_docker_services(command, FILES, project, [], CLEANUP) as services:
        stack = Stack(services, project, settings)
        try:
            yield stack
        finally:
            stack.remove_consumers()


def _last_moment(log: str, pattern: str) -> str:
    lines = [line for line in log.splitlines() if re.search(pattern, line)]
    return lines[-1].split()[0] if lines else ""
