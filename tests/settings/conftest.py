"""Settings read from an empty directory, so that no file around it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from shadowserver_connector.settings import LoadedSettings, load_settings

Load = Callable[..., LoadedSettings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load settings from the given texts of config.yml and .env, and the given environment."""
    monkeypatch.chdir(tmp_path)

    def load(
        yaml: str | None = None, dotenv: str | None = None, environ: Mapping[str, str] | None = None
    ) -> LoadedSettings:
        if yaml is not None:
            (tmp_path / "config.yml").write_text(yaml, encoding="utf-8")
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        return load_settings(environ=environ or {})

    return load
