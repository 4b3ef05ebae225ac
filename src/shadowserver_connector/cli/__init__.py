"""The command line: ``shadowserver-connector``.

app                    all commands, their arguments and help
console                what commands print: tables and JSON on stdout; progress, failures and the
                       log on stderr
demo_command           ``demo``: the whole pipeline against a simulated Shadowserver on this machine
file_commands          ``convert``, ``explain``, ``preview`` and ``history``: files on disk, and no
                       network
import_commands        ``import``, ``backfill`` and ``fetch``: reports brought in by hand
shadowserver_commands  ``types``, ``subscriptions``, ``reports`` and ``check``: what Shadowserver
                       says
status_command         ``status``: what the status file says, and what is wrong with it
usage                  how commands are called and end: shared arguments, and errors as one line and
                       an exit code
"""


def main() -> None:
    """Run the command named on the command line."""
    from shadowserver_connector.cli.app import app

    app()
