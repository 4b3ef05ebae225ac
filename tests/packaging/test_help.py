"""Help with examples."""

from __future__ import annotations

import shlex

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from shadowserver_connector.cli.app import app


def _commands() -> dict[str, TyperCommand]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group.commands


@pytest.mark.parametrize("name", _commands())
def test_a_commands_help_has_an_example_that_it_would_take(name: str) -> None:
    """Each command's help has an example of that command with valid options."""
    command = _commands()[name]
    assert command.help
    assert command.epilog
    program, called, *words = shlex.split(command.epilog.removeprefix("Example: "))
    assert (program, called) == ("shadowserver-connector", name)
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= known
