#!/bin/sh
# Runs the tests that depend on pycti with the oldest pycti that is supported, in .venv-pycti6.
# TEST_FULL=1 runs all of them, otherwise those that matter most. Arguments go to pytest.
# PYTHON names the interpreter that makes the environment (python3).
set -eu
cd "$(dirname "$0")/.."

venv=.venv-pycti6
lock=requirements/pycti6.txt
pip="$venv/bin/python -m pip install --quiet --disable-pip-version-check"

if [ ! -e "$venv/.made" ] || [ "$lock" -nt "$venv/.made" ] || [ pyproject.toml -nt "$venv/.made" ]; then
    [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
    $pip --require-hashes -r "$lock"
    $pip --no-deps --editable .
    touch "$venv/.made"
fi

if [ "$#" -gt 0 ]; then
    exec "$venv/bin/pytest" -q "$@"
fi
unit="tests/sink tests/connector tests/state tests/settings"
if [ -n "${TEST_FULL:-}" ]; then
    integration="$(echo tests/integration/test_connector_*.py tests/integration/test_platform_*.py)"
else
    integration="
        tests/integration/test_connector_whole.py::test_import_is_complete_and_exact
        tests/integration/test_connector_exact.py::test_opencti_holds_what_the_rows_say"
fi
# Unquoted, to be split into words. The generated files are those of the newest pydantic, which
# pycti 6.2 does not allow.
# shellcheck disable=SC2086
exec "$venv/bin/pytest" -q -n auto --dist loadfile --ignore tests/settings/test_generated.py \
    $unit $integration
