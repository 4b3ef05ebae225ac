"""Arguments that several commands share."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shadowserver_connector.errors import SinkUnavailableError
from shadowserver_connector.exit_codes import UsageError

if TYPE_CHECKING:
    from shadowserver_connector.settings import LoadedSettings


_MOST_DAYS = 3660

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings file; config.yml is looked for by default.",
        exists=True,
        dir_okay=False,
    ),
]
Files = Annotated[
    list[Path],
    typer.Argument(
        help="Report files (.csv, .csv.gz, .zip) or folders of them.",
        exists=True,
        readable=False,  # one that may not be read fails by itself, as others do
    ),
]


def loaded_settings(config: Path | None) -> LoadedSettings:
    """Read the settings; imported late, as ``--help`` must not wait for pydantic."""
    from shadowserver_connector.settings import load_settings

    return load_settings(config_file=config)


def made_folder(path: Path) -> None:
    """Make a folder for results, with those above it; SinkUnavailableError where that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise SinkUnavailableError(
            f"{path} cannot be a folder: a file is in the way; name another folder"
        ) from error
    except OSError as error:
        raise SinkUnavailableError(
            f"{path} cannot be made: {error.strerror}; name a folder that can be written"
        ) from error


def days_between(first: datetime | date, last: datetime | date) -> tuple[date, date]:
    """Return two days as given by ``--from`` and ``--to``.

    Raises UsageError in the wrong order, and where they are too far apart to ask for each day.
    """
    since, to = (each.date() if isinstance(each, datetime) else each for each in (first, last))
    if since > to:
        raise UsageError(f"--from {since} is after --to {to}; swap them")
    if (to - since).days > _MOST_DAYS:
        raise UsageError(f"--from {since} --to {to} are more than ten years; name fewer days")
    return since, to
