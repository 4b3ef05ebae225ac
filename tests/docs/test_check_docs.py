"""The documentation shows real output, and names only what exists."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def check_docs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of scripts/check_docs.py, imported without running it."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import check_docs

    monkeypatch.setattr(sys, "argv", ["check_docs.py"])
    module: ModuleType = check_docs
    return module


def wrong(check_docs: ModuleType, tmp_path: Path, text: str) -> list[str]:
    """Return the complaints about a document of this text."""
    path = tmp_path / "document.md"
    path.write_text(text, encoding="utf-8")
    complaints: list[str] = check_docs.wrong_names(path)
    return complaints


def test_everything_that_is_named_exists(check_docs: ModuleType) -> None:
    """Every document of the repository names only things that exist."""
    documents = check_docs.documents()
    assert ROOT / "README.md" in documents
    assert {str(path): check_docs.wrong_names(path) for path in documents} == {
        str(path): [] for path in documents
    }


@pytest.mark.integration
def test_shown_output_is_real(
    check_docs: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every shown output is what its command prints now."""
    monkeypatch.setattr(sys, "argv", ["check_docs.py", "--check"])
    status = check_docs.main()
    assert capsys.readouterr().err == ""
    assert status == 0


@pytest.mark.integration
def test_commands_find_reports_and_shadowserver(check_docs: ModuleType) -> None:
    """Commands run with reports, a simulator, and the assignments before them."""
    with check_docs.commands() as run:
        assert run("shadowserver-connector --version").startswith("shadowserver-connector ")
        assert run("shadowserver-connector subscriptions") == "example-asn\nexample-net\n"
        assert "SHADOWSERVER_NOTES (environment)" in run(
            "SHADOWSERVER_NOTES=x shadowserver-connector check"
        )
        with pytest.raises(ValueError, match="only shadowserver-connector is run"):
            run("rm -rf reports")


def test_output_is_put_behind_its_marker(check_docs: ModuleType) -> None:
    """The block after a marker is written or replaced; all other text stays."""
    text = "a\n<!-- output: x y -->\n\nb\n\n<!-- output: z -->\n```sh\n$ old\n```\n\nc\n"
    fresh = check_docs.with_output(text, lambda command: f"out of {command}\n")
    assert fresh == (
        "a\n<!-- output: x y -->\n\n```console\n$ x y\nout of x y\n```\n\nb\n\n"
        "<!-- output: z -->\n\n```console\n$ z\nout of z\n```\n\nc\n"
    )
    assert check_docs.with_output(fresh, lambda command: f"out of {command}\n") == fresh


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (None, "one\ntwo\nthree\nfour\nfive"),
        ("1-2", "one\ntwo\n[...]"),
        ("4-", "[...]\nfour\nfive"),
        ("3", "[...]\nthree\n[...]"),
        ("1,-1", "one\n[...]\nfive"),
        ("~t", "[...]\ntwo\nthree\n[...]"),
        ("1,~fo,-1", "one\n[...]\nfour\nfive"),
    ],
)
def test_lines_are_chosen(check_docs: ModuleType, wanted: str | None, shown: str) -> None:
    """Lines are chosen by number or word; a mark stands for omitted ones."""
    assert check_docs.chosen("one  \ntwo\nthree\nfour\nfive\n", wanted) == shown


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("`SHADOWSERVER_NOTE`", "SHADOWSERVER_NOTE is no setting"),
        ("```\nCONNECTOR_SCOPES=x\n```", "CONNECTOR_SCOPES is no setting"),
        ("`SHADOWSERVER_NOTES_FILE`", "SHADOWSERVER_NOTES_FILE is no setting"),
        ("```yaml\nshadowserver:\n  note: x\n```", "shadowserver: note is no setting"),
        ("`make tests`", "make tests: there is no such target"),
        ("```sh\nmake lint tests\n```", "make tests: there is no such target"),
        ("`shadowserver-connector send`", "send: there is no such command"),
        ("`shadowserver-connector types --all`", "there is no option --all"),
        ("<!-- output: shadowserver-connector send -->", "send: there is no such command"),
        ("`mapping/nothing.py`", "mapping/nothing.py: there is no such file"),
        ("`nothing.toml`", "nothing.toml: there is no such file"),
        ("```sh\ncat scripts/nothing.sh\n```", "scripts/nothing.sh: there is no such file"),
        ("`tests/docs/test_check_docs.py::test_none`", "there is no test_none"),
        ("`The program never says this`", "the program does not say so"),
        ("[x](nothing.md)", "nothing.md: the link leads nowhere"),
        ("# Title\n[x](#titel)", "#titel: there is no such heading"),
    ],
)
def test_what_does_not_exist_is_named(
    check_docs: ModuleType, tmp_path: Path, text: str, complaint: str
) -> None:
    """Each wrong name gives one complaint that quotes it."""
    complaints = wrong(check_docs, tmp_path, text)
    assert len(complaints) == 1
    assert complaint in complaints[0]


@pytest.mark.parametrize(
    "text",
    [
        "`SHADOWSERVER_NOTES`, `OPENCTI_TOKEN_FILE`, `SHADOWSERVER_*`, `NO_COLOR`",
        "```yaml\nshadowserver:\n  notes: host\n  api_secret_file: /run/secrets/x\n```",
        "`make lint typecheck`, make believe",
        "`shadowserver-connector convert reports -o bundles --json | less -R`",
        "`shadowserver-connector`",
        "`mapping/objects/hosts.py`, `catalogue/data/`, `columns.toml`, `reports/list`, `../x`",
        "`tests/docs/test_check_docs.py::test_lines_are_chosen`",
        "`The run failed`",
        "# A `b` c!\n[x](#a-b-c) [y](https://example.org/z) ![z](document.md)",
        "<!-- output: shadowserver-connector types -->\n\n```console\n`no/such.py` [x](y.md)\n```",
    ],
)
def test_what_exists_or_is_not_ours_is_left_alone(
    check_docs: ModuleType, tmp_path: Path, text: str
) -> None:
    """Known names, names of others, and shown output give no complaint."""
    assert wrong(check_docs, tmp_path, text) == []


def test_wrong_arguments_are_refused(
    check_docs: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any argument but --check is wrong usage."""
    monkeypatch.setattr(sys, "argv", ["check_docs.py", "--fix"])
    assert check_docs.main() == 2
    assert capsys.readouterr().err.startswith("usage: ")
