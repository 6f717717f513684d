"""`loadgrpc agent`: start runners for a broker and relay what they report."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from loadgrpc.cli import confining, credential_options, log, options, plan_values, values
from loadgrpc.cli.command import Command
from loadgrpc.protocol.labels_kind import LABELS

if TYPE_CHECKING:
    from loadgrpc.model import Limits

LONGEST_AGE_S: Final = 366 * 86_400.0


@click.command(cls=Command, configured=True)
@options.broker("The broker to work for.", credential_options.of_agents)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder for the agent's id, and for events that the broker does not accept."
    "  [default: the first free one of this user's]",
)
@click.option(
    "--spool-size",
    type=values.Size(),
    default="1GB",
    show_default=True,
    help="Most bytes of such events. Further events wait in the memory of runners, and are"
    " counted as lost once that is full, too.",
)
@click.option(
    "--max-processes",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Most processes at once where each user is one (--runner-mode one-user). Further users"
    " wait for others to end, and the run says so.  [default: by cores, memory and open files]",
)
@click.option(
    "--max-age",
    "max_age_s",
    type=values.Seconds(LONGEST_AGE_S),
    help="End after this long, but never in the middle of a run: for a supervisor that starts it"
    " afresh.  [default: never]",
)
@click.option(
    "--max-age-delta",
    "max_age_delta_s",
    type=values.Seconds(LONGEST_AGE_S),
    help="A random part of this is added to --max-age, so that not all agents end at once.",
)
@click.option(
    "--label",
    "labels",
    type=plan_values.Labels(LABELS),
    multiple=True,
    help="A label of the agent, such as eu or big, which plans choose agents by: see `loadgrpc run"
    " --agent-label`. May be given several times.",
)
@confining.options
@options.logging
def command(
    *,
    broker: str,
    state_dir: Path | None,
    spool_size: int,
    max_processes: int | None,
    max_age_s: float | None,
    max_age_delta_s: float | None,
    labels: tuple[tuple[str, ...], ...],
    limits: Limits | None,
    run_as: str | None,
    trusted_keys: tuple[Path, ...],
    log_format: str,
    log_file: Path | None,
    verbose: int,
) -> int:
    """Start runners for a broker and relay what they report.

    The agent dials the broker, needs no open port itself, and reconnects when the connection is
    lost. Meanwhile its runners go on for the broker's lease, and their events are kept on disk;
    an agent that was killed delivers them when it is restarted with the same state folder. Tests
    are imported from the folder it is started in. It prints one line when it is connected, and
    ends on Ctrl-C or SIGTERM.

    \b
    For a broker on this machine:
      loadgrpc agent
    For a broker elsewhere, with a state folder of its own:
      loadgrpc agent -b HOST:7979 --state-dir /var/lib/loadgrpc/agent
    With labels that plans choose by:
      loadgrpc agent -b HOST:7979 --label eu --label big
    As another user, within limits, and only what somebody has signed whose key is in a file:
      loadgrpc agent -b HOST:7979 --run-as load --run-limit memory=4GB,processes=500,time=2h \\
        --require-signed signers.pub

    `loadgrpc agent drain NAME` takes an agent out of service: see `loadgrpc drain --help`.
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli.failure import Failure, need_folder  # noqa: PLC0415

    if max_age_delta_s is not None and max_age_s is None:
        raise Failure("--max-age-delta needs --max-age")
    given = tuple(sorted({label for some in labels for label in some}))
    if len(given) > LABELS.entries:
        raise Failure(f"there are {len(given)} labels; expected at most {LABELS.entries}")
    need_folder()
    from loadgrpc.agent.config import AgentConfig  # noqa: PLC0415 - heavy
    from loadgrpc.agent.serving import serve  # noqa: PLC0415
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.service import live  # noqa: PLC0415
    from loadgrpc.model import Limits  # noqa: PLC0415

    with credential_options.usable():
        certificates = credential_options.choice().for_agents()
    try:
        log.set_up(1 + verbose, log_format, log_file)
    except OSError as error:
        raise Failure(f"--log-file: {error.strerror or error}: {log_file}") from error

    def connected(agent_id: str) -> None:
        log.of_agent(agent_id)
        line.say(f"loadgrpc agent {agent_id} connected to {broker}")

    async def serve_until(stop: asyncio.Event) -> None:
        config = AgentConfig(
            broker=broker,
            state_dir=state_dir,
            spool_bytes=spool_size,
            max_processes=max_processes or 0,
            max_age_s=max_age_s,
            max_age_delta_s=max_age_delta_s or 0.0,
            labels=given,
            certificates=certificates,
            trusted_keys=trusted_keys,
            run_as=run_as or "",
            limits=limits or Limits(),
        )
        await serve(config, on_connected=connected, stop=stop)

    try:
        return live(serve_until)
    except OSError as error:
        raise Failure(f"{error.strerror or error}: {error.filename or state_dir}") from error
