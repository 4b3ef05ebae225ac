#!/bin/sh
# Write dist/sbom.json: what an installation consists of, as
# CycloneDX, from a fresh environment of the locked versions. The same locks give the same file.
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-.venv/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bin/uv" venv --quiet --python "$bin/python" "$work/venv"
export VIRTUAL_ENV="$work/venv"
"$bin/uv" pip sync --quiet --require-hashes requirements/runtime.txt
"$bin/uv" pip install --quiet --no-deps .

# cyclonedx-py does not look for a version that is kept elsewhere.
version=$("$work/venv/bin/python" -c 'import shadowserver_connector as us; print(us.__version__)')
sed "s/^dynamic = .*/version = \"$version\"/" pyproject.toml > "$work/pyproject.toml"

mkdir -p dist
"$bin/cyclonedx-py" environment "$work/venv" --pyproject "$work/pyproject.toml" \
    --mc-type application --output-reproducible --output-format JSON --output-file dist/sbom.json
