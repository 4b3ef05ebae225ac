"""``python -m shadowserver_connector`` does what ``shadowserver-connector`` does."""

from shadowserver_connector.cli import main

if __name__ == "__main__":
    main()
