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

COPY pyproject.toml README.md LICENSE /opt/source/
COPY src /opt/source/src
RUN HATCH_BUILD_HOOK_ENABLE_MYPYC=true /opt/build/bin/pip wheel --no-build-isolation --no-deps \
        --wheel-dir /tmp/wheel /opt/source

# What the connector runs in has no pip of its own; the one beside it installs into it.
RUN python -m venv --without-pip /opt/venv
COPY requirements/runtime.txt /tmp/runtime.txt
RUN /opt/build/bin/pip --python /opt/venv/bin/python install \
        --require-hashes --only-binary=:all: -r /tmp/runtime.txt

# pycti should be of the platform's version: docker build --build-arg PYCTI_VERSION=7.260817.0 .
# Without it requirements.txt names the version; that of the locked packages is there already.
ARG PYCTI_VERSION=""
COPY requirements.txt /tmp/requirements.txt
RUN wanted="$(grep '^pycti' /tmp/requirements.txt)" \
    && /opt/build/bin/pip --python /opt/venv/bin/python install \
        "${PYCTI_VERSION:+pycti==}${PYCTI_VERSION:-$wanted}"

# pycti asks for setuptools and does not import it; of Amazon's four hundred services it uses S3; and
# uvloop comes with eleven megabytes for debuggers.
RUN /opt/build/bin/pip --python /opt/venv/bin/python install --no-deps /tmp/wheel/*.whl \
    && /opt/build/bin/pip --python /opt/venv/bin/python uninstall --yes setuptools \
    && find /opt/venv/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name 'sso*' ! -name sts -exec rm -rf {} + \
    && strip --strip-debug /opt/venv/lib/python3*/site-packages/uvloop/*.so


FROM ${BASE_IMAGE}

# The name of the image, opencti/connector-shadowserver, is another program's, too. This says which.
LABEL org.opencontainers.image.title="shadowserver-connector" \
      org.opencontainers.image.description="Brings The Shadowserver Foundation's reports into OpenCTI as STIX 2.1. Not the connector of OpenCTI's own repository that has the same image name." \
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
