"""Files that are generated from the settings models: schema, table and samples."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from shadowserver_connector.settings import Settings, load_settings
from shadowserver_connector.settings.sources import known_settings

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {name for name, setting in known_settings().items() if setting.needed}
CURRENT = {name for name, setting in known_settings().items() if not setting.deprecated}


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of scripts/generate_metadata.py, imported without running it."""
    spec = importlib.util.spec_from_file_location(
        "generate_metadata", ROOT / "scripts" / "generate_metadata.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", ["generate_metadata.py"])
    return module


def check(generator: ModuleType, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the generator with --check."""
    monkeypatch.setattr(sys, "argv", ["generate_metadata.py", "--check"])
    return int(generator.main())


def test_generated_files_are_fresh(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The committed files are what the settings models generate."""
    status = check(generator, monkeypatch)
    assert capsys.readouterr().err == ""
    assert status == 0


def test_stale_files_are_named(
    generator: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """--check writes nothing and fails if a file is missing or changed; a plain run writes it."""
    (tmp_path / "__metadata__").mkdir()
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    assert generator.main() == 0
    assert check(generator, monkeypatch) == 0
    sample = tmp_path / ".env.sample"
    sample.write_text(sample.read_text() + "# edited\n")
    assert check(generator, monkeypatch) == 1
    assert capsys.readouterr().err.startswith(".env.sample is stale")
    assert sample.read_text().endswith("# edited\n")


def test_the_table_is_between_its_markers(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only the text between the page's markers is generated; a page without them is unchanged."""
    (tmp_path / "__metadata__").mkdir()
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    page = tmp_path / "docs" / "configuration.md"
    page.write_text("before\n")
    generator.main()
    assert page.read_text() == "before\n"
    page.write_text(f"before\n{generator.BEGIN}\nold\n{generator.END}\nafter\n")
    generator.main()
    text = page.read_text()
    assert text.startswith(f"before\n{generator.BEGIN}\n")
    assert text.endswith(f"{generator.END}\nafter\n")
    assert "\nold\n" not in text
    assert all(f"| `{name}` |" in text for name in known_settings())


def test_schema_has_every_setting() -> None:
    """The JSON schema has each setting with its description, and the required ones."""
    schema = json.loads((ROOT / "__metadata__" / "connector_config_schema.json").read_text())
    assert schema["properties"].keys() == known_settings().keys() - {"CONNECTOR_ID"}
    assert all(entry["description"] for entry in schema["properties"].values())
    assert set(schema["required"]) == NEEDED


def test_schema_has_the_defaults() -> None:
    """The defaults of the JSON schema, read as settings, are the real defaults."""
    schema = json.loads((ROOT / "__metadata__" / "connector_config_schema.json").read_text())
    data: dict[str, dict[str, object]] = {section: {} for section in Settings.model_fields}
    for name, entry in schema["properties"].items():
        if "default" in entry:
            data[known_settings()[name].section][known_settings()[name].key] = entry["default"]
    assert Settings.model_validate(data) == Settings()


def test_table_has_every_setting() -> None:
    """The table has one row for each setting."""
    text = (ROOT / "__metadata__" / "CONNECTOR_CONFIG_DOC.md").read_text()
    assert re.findall(r"^\| `([A-Z0-9_]+)` \|", text, re.MULTILINE) == list(known_settings())


def uncommented(text: str) -> str:
    """Remove the comment sign from every line that would set a value."""
    return re.sub(r"^( *)#(?=\w+[:=])", r"\1", text, flags=re.MULTILINE)


def test_env_sample_names_every_setting() -> None:
    """.env.sample sets the required settings and has the others as comments."""
    text = (ROOT / ".env.sample").read_text()
    assert set(re.findall(r"^([A-Z0-9_]+)=", text, re.MULTILINE)) == NEEDED
    assert set(re.findall(r"^([A-Z0-9_]+)=", uncommented(text), re.MULTILINE)) == CURRENT
    assert "OPENCTI_URL=http://opencti:8080\n" in text
    assert text.count("=ChangeMe\n") == len(NEEDED) - 1


def test_yaml_sample_names_every_setting() -> None:
    """config.yml.sample sets the required settings and has the others as comments."""
    text = (ROOT / "config.yml.sample").read_text()

    def names(content: str) -> set[str]:
        sections = yaml.safe_load(content)
        return {f"{one}_{key}".upper() for one, keys in sections.items() for key in keys or ()}

    assert names(text) == NEEDED
    assert names(uncommented(text)) == CURRENT
    assert yaml.safe_load(text)["opencti"]["url"] == "http://localhost"


@pytest.mark.parametrize("change", [str, uncommented], ids=["as it is", "uncommented"])
def test_samples_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object) -> None:
    """Each sample is valid, with and without its comment signs, and gives the defaults."""
    assert callable(change)
    monkeypatch.chdir(tmp_path)
    for sample, kind, there in (
        (".env.sample", "env_file", "http://opencti:8080"),
        ("config.yml.sample", "config_file", "http://localhost"),
    ):
        path = tmp_path / sample
        path.write_text(change((ROOT / sample).read_text()))
        loaded = load_settings(**{kind: path}, environ={})
        url = {"opencti": Settings().opencti.model_copy(update={"url": there})}
        assert loaded.settings == Settings().model_copy(update=url)
        assert loaded.warnings == ()
