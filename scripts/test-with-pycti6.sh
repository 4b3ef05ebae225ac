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
"$venv/bin/pytest" -q -m "not integration and not shared" tests/sink tests/connector tests/state tests/settings
if [ -n "${TEST_FULL:-}" ]; then
    exec "$venv/bin/pytest" -q -m integration tests/integration/test_connector_*.py tests/integration/test_platform_*.py
fi
exec "$venv/bin/pytest" -q -m integration \
    "tests/integration/test_connector_whole.py::test_import_is_complete_and_exact"
