"""The command line: ``shadowserver-connector``."""


def main() -> None:
    """Run the command named on the command line."""
    from shadowserver_connector.cli.app import app

    app()
