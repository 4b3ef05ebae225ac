"""``types``, ``subscriptions``, ``reports`` and ``check``: what Shadowserver says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from shadowserver_connector.api.client import open_api
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.cli.console import (
    OutputFormat,
    beside_table,
    out,
    print_failures,
    print_json,
    print_line,
    print_table,
)
from shadowserver_connector.errors import OK, exit_code_of
from shadowserver_connector.operations.manual_imports import wanted_reports
from shadowserver_connector.operations.reachability import (
    CheckResult,
    try_opencti,
    try_shadowserver,
)
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.settings import LoadedSettings
from shadowserver_connector.settings.load import Settings
from shadowserver_connector.settings.sources import known_settings, secret_names
from shadowserver_connector.settings.value_messages import MASK, masked


class SettingRow(NamedTuple):
    """One setting as it may be shown: a secret is masked, an unset value is empty."""

    name: str
    value: str
    source: str


def setting_rows(loaded: LoadedSettings) -> tuple[SettingRow, ...]:
    """Return a row for each setting in the order of the models, then those passed on to pycti.

    A deprecated setting has a row only if it is set.
    """
    rows = [
        SettingRow(
            name=name,
            value=masked(getattr(getattr(loaded.settings, setting.section), setting.key)),
            source=loaded.sources[name],
        )
        for name, setting in known_settings().items()
        if not setting.deprecated or loaded.sources[name] != "default"
    ]
    rows += [
        SettingRow(
            name=name,
            value=MASK if name in secret_names() else masked(value.get_secret_value()),
            source=loaded.sources[name],
        )
        for name, value in sorted(loaded.for_pycti.items())
    ]
    return tuple(rows)


def types(settings: Settings | None, *, form: OutputFormat) -> int:
    """List report types: those subscribed or, without settings, all in the catalogue."""
    catalogue = load_catalogue()
    names = sorted(catalogue.types)
    if settings is not None:
        with open_api(settings) as api:
            names = sorted(api.available_types())
        if not names:
            print_line("Shadowserver accepts the key, but no report type is subscribed.")
    found = [catalogue.report_type(name) for name in names]
    if form is OutputFormat.JSON:
        print_json(
            [
                {
                    "type": one.name,
                    "title": one.title,
                    "severity": one.severity,
                    "family": one.family,
                    "page": one.page,
                    "known": one.known,
                }
                for one in found
            ]
        )
    else:
        print_table(
            ("Type", "Title", "Severity", "Family"),
            [(one.name, one.title, one.severity, one.family) for one in found],
            form,
        )
    return OK


def subscriptions(settings: Settings, *, as_json: bool) -> int:
    """List the subscriber's report lists."""
    with open_api(settings) as api:
        names = sorted(api.subscriptions())
    if as_json:
        print_json(names)
    elif names:
        for name in names:
            print_line(name, to=out)
    else:
        print_line("Shadowserver accepts the key, but nothing is subscribed.")
    return OK


def reports(settings: Settings, first: date, last: date, *, form: OutputFormat) -> int:
    """List the reports of some days that a run would import; one of another day is named apart."""
    chosen = settings.shadowserver
    misdated: list[Failure] = []
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    with open_api(settings) as api:
        found = list(wanted_reports(api, chosen, days, misdated.append))
    if form is OutputFormat.JSON:
        print_json(
            [
                {"day": r.day.isoformat(), "type": r.type, "list": r.list, "file": r.file}
                for r in found
            ]
        )
    else:
        print_table(
            ("Date", "Type", "List", "File"),
            [(r.day.isoformat(), r.type, r.list, r.file) for r in found],
            form,
        )
        if not found:
            print_line("Shadowserver has no reports for these days and settings.")
        print_failures(failure.reason for failure in misdated)
    return OK


def check(loaded: LoadedSettings, *, form: OutputFormat) -> int:
    """Show all settings with their sources, and test each connection that is configured."""
    settings = loaded.settings
    rows = setting_rows(loaded)
    sides = {
        "shadowserver": CheckResult("not configured"),
        "opencti": CheckResult("not configured"),
    }
    # Without a drop folder, `try_shadowserver` returns missing credentials as an error.
    if not settings.uses_drop_folder_alone:
        sides["shadowserver"] = try_shadowserver(settings)
    if settings.opencti.url is not None:
        sides["opencti"] = try_opencti(settings)
    clock = [side.clock_warning for side in sides.values() if side.clock_warning]
    versions = [side.pycti_warning for side in sides.values() if side.pycti_warning]
    if form is OutputFormat.JSON:
        print_json(
            {
                "settings": [row._asdict() for row in rows],
                "warnings": [*loaded.warnings, *versions],
                "clock": clock,
                **{name: "; ".join(side.text.splitlines()) for name, side in sides.items()},
            }
        )
    else:
        print_table(("Setting", "Value", "Source"), rows, form)
        for warning in (*loaded.warnings, *versions, *clock):
            print_line(f"warning: {warning}", style="yellow")
        for title in ("OpenCTI", "Shadowserver"):
            for line in sides[title.lower()].text.splitlines():
                print_line(f"{title}: {line}", to=beside_table(form))
    return next((exit_code_of(side.error) for side in sides.values() if side.error), OK)
