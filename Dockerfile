# syntax=docker/dockerfile:1

# The tag python:3.12-slim for all platforms, as it was in August 2026. For a newer one:
# docker buildx imagetools inspect python:3.12-slim
ARG BASE_IMAGE=python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

FROM ${BASE_IMAGE} AS build

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

RUN python -m venv /opt/build
COPY requirements/build.txt /tmp/build.txt
RUN /opt/build/bin/pip install --require-hashes --only-binary=:all: -r /tmp/build.txt

RUN python -m venv /opt/venv
COPY requirements/runtime.txt /tmp/runtime.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary=:all: -r /tmp/runtime.txt

# pycti should be of the platform's version: docker build --build-arg PYCTI_VERSION=7.260817.0 .
ARG PYCTI_VERSION=""
RUN if [ -n "$PYCTI_VERSION" ]; then /opt/venv/bin/pip install "pycti==$PYCTI_VERSION"; fi

COPY pyproject.toml README.md LICENSE /opt/source/
COPY src /opt/source/src
RUN HATCH_BUILD_HOOK_ENABLE_MYPYC=true /opt/build/bin/pip wheel --no-build-isolation --no-deps \
        --wheel-dir /tmp/wheel /opt/source \
    && /opt/venv/bin/pip install --no-deps /tmp/wheel/*.whl


FROM ${BASE_IMAGE}

LABEL org.opencontainers.image.title="OpenCTI connector for Shadowserver" \
      org.opencontainers.image.licenses="Apache-2.0"

# libmagic: pycti before 7 asks it for the type of a file.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libmagic1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /nonexistent connector \
    && install -d -o connector -g connector /var/tmp/shadowserver /var/lib/shadowserver-connector

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/source/src/main.py /opt/source/src/healthcheck.py /opt/connector/src/

# Reports are downloaded to TMPDIR, and the history of findings lasts in the state directory; as
# volumes they are writable though the root may be read-only.
ENV CONNECTOR_TYPE=EXTERNAL_IMPORT \
    PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SHADOWSERVER_STATE_DIR=/var/lib/shadowserver-connector \
    TMPDIR=/var/tmp/shadowserver
VOLUME /var/tmp/shadowserver /var/lib/shadowserver-connector

WORKDIR /opt/connector/src
USER connector

HEALTHCHECK --interval=2m --timeout=30s --start-period=5m --retries=3 \
    CMD ["python", "healthcheck.py"]

ENTRYPOINT ["python", "main.py"]
