"""CONTRIBUTING.md works as printed: the catalogue accepts its examples."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from shadowserver_connector.catalogue.catalogue import Catalogue
from shadowserver_connector.catalogue.loader import FILES, build, parse
from shadowserver_connector.report.info import info_from_filename

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")


def examples(heading: str) -> list[str]:
    """Return the TOML blocks under a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?ms)^```toml\n(.*?)^```$", section)


def catalogue_with(changes: dict[str, tuple[str, str]]) -> Catalogue:
    """Return the catalogue with a text of each file replaced by another that contains it."""
    folder = files("shadowserver_connector.catalogue") / "data"
    texts = {name: (folder / name).read_text("utf-8") for name in FILES}
    for name, (old, new) in changes.items():
        assert texts[name].count(old) == 1, f"{name}: {old.strip()} is gone; correct this test"
        added = next(line for line in new.splitlines() if line and line not in old.splitlines())
        assert f"\n{added}\n" not in texts[name], (
            f"{name} has the example of CONTRIBUTING.md already ({added}); take it out again, or "
            "print another example there"
        )
        texts[name] = texts[name].replace(old, new)
    return build({name: parse(name, text) for name, text in texts.items()})


def test_the_column_can_be_added() -> None:
    """The column of the example fits into its section and into its type's layout."""
    (line,) = examples("Add a column")
    catalogue = catalogue_with(
        {
            "columns.toml": ("\n[system]\n", f"\n[system]\n{line}"),
            "layouts.toml": (
                "\n@service handshake rdp_protocol",
                "\n@service rdp_computer_name rdp_protocol",
            ),
        }
    )
    assert "rdp_computer_name" in catalogue.column_names("scan_rdp")
    assert catalogue.column("scan_rdp", "rdp_computer_name").role == "hostname"


def test_the_report_type_can_be_added() -> None:
    """The type of the example has its columns, product version and texts."""
    block, layout = examples("Add a report type")
    catalogue = catalogue_with(
        {
            "report_types.toml": ("\n[scan_rdp]\n", f"\n{block}\n[scan_rdp]\n"),
            "layouts.toml": ("\nscan_rdp = ", f"\n{layout}scan_rdp = "),
        }
    )
    added = catalogue.types["scan_example"]
    assert "server_version" in catalogue.column_names(added.name)
    assert catalogue.column(added.name, "server_version").role == "software.version"
    assert not re.search(r"(?i)\b(?:yours?|you|ours?)\b", added.about)


def test_the_sample_has_the_name_that_is_printed() -> None:
    """The second command of each example uses the file that the first one wrote."""
    made = re.findall(
        r"sample_report\.py (\w+)\n\.venv/bin/shadowserver-connector explain "
        r"(\S+)",
        TEXT,
    )
    assert len(made) >= 4
    for report_type, name in made:
        assert info_from_filename(name, {report_type: report_type}).type == report_type
