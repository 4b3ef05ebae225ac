"""The command line: ``shadowserver-connector``.

app                    all commands, their arguments and help
console                what commands print: tables and JSON on stdout; progress, failures and the
                       log on stderr
file_commands          ``convert`` and ``preview``: what becomes of files on disk, without network
                       or OpenCTI
import_commands        ``import``, ``backfill``, ``fetch`` and ``demo``: reports brought in by hand
question_commands      ``explain`` and ``history``: how a file is read, and what was reported when
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
