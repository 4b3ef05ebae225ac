"""pycti's helper: registered with an OpenCTI of any version, kept from ending the process."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace
from typing import Any, Final

from shadowserver_connector.errors import (
    CredentialsError,
    SettingsError,
    ShadowserverConnectorError,
    SinkUnavailableError,
    VersionError,
)
from shadowserver_connector.logger import configure_logging
from shadowserver_connector.settings.load import LoadedSettings, export_for_pycti
from shadowserver_connector.sink.platform import Refusal, refusal_in, refusals, to_sink_error
from shadowserver_connector.sink.works import patch_announcing
from shadowserver_connector.waiting import OPENCTI, Waiter

_FOR_EACH_MESSAGE: Final = " sending bundle to queue"


def limit_pycti_logging(name: str, log_level: str) -> None:
    """Log pycti's lines on every call and message at level ``debug`` only.

    The library that signs requests for S3 logs them there with the access key: never. ``name`` is
    the connector's: its logger is the helper's, too.
    """
    logging.getLogger("botocore").setLevel(logging.INFO)
    if log_level == "debug":
        return
    logging.getLogger("api").setLevel(logging.WARNING)
    logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not str(record.msg).endswith(_FOR_EACH_MESSAGE)


_ABOUT: Final = "query healthCheck { about { version } }"
# Introspection of one type is answered even if that of the whole schema is switched off.
_TAKES: Final = """
query healthCheck {
  about { version }
  __type(name: "RegisterConnectorInput") { inputFields { name } }
}
"""

# In the words of GraphQL implementations of different years.
_UNKNOWN_FIELD: Final = re.compile(r"unknown field|is not defined by type")

Query = Callable[[str], Mapping[str, Any]]


@dataclass
class Registration:
    """What is known about a registration; it may take several attempts."""

    platform: str = ""
    """The platform's version, once known."""
    accepted_fields: frozenset[str] | None = None
    """Fields that it accepts; ``None`` if it does not say."""
    omitted_fields: list[str] = field(default_factory=list)
    """Fields that pycti would send, and that the platform does not accept."""
    metrics: list[Any] = field(default_factory=list)
    """pycti's server for metrics, which can exist only once."""

    def query_schema(self, ask: Query) -> None:
        """Ask the platform for its version and the fields it accepts; raises what ``ask`` does."""
        try:
            data = ask(_TAKES)
        except Exception as error:
            refused = refusal_in(error)
            if refused is None or refused.is_of_token:
                raise
            # It may refuse only the question about its schema.
            data = ask(_ABOUT)
        try:
            described = data.get("__type")
            self.accepted_fields = (
                frozenset(each["name"] for each in described["inputFields"]) if described else None
            )
            self.platform = str(data["about"]["version"])
        except (LookupError, TypeError, AttributeError):
            raise SinkUnavailableError("OpenCTI gave no valid answer; it may be starting") from None

    def attempt(self, build: Callable[[], Any]) -> Any:
        """Build pycti's helper, which registers.

        Raises SinkUnavailableError if that may work later, and CredentialsError, VersionError or
        SettingsError if it will not.
        """
        try:
            with self._adapt_pycti():
                return build()
        except ShadowserverConnectorError:
            raise
        except Exception as error:
            raise self._as_ours(error) from None

    def _as_ours(self, error: Exception) -> ShadowserverConnectorError:
        refused = refusal_in(error)
        if refused is not None and refused.is_of_token:
            return CredentialsError(
                f"OpenCTI refuses OPENCTI_TOKEN ({refused.name}); check it and its user's rights"
            )
        if refused is not None and refused.is_misfit:
            return version_error(self.platform, refused)
        return to_sink_error(error)

    @contextmanager
    def _adapt_pycti(self) -> Iterator[None]:
        # Here and below, not at the top: pycti reads some of its settings when it is imported.
        from pycti import OpenCTIApiClient
        from pycti.connector import opencti_connector_helper as module

        to_input = module.OpenCTIConnector.to_input
        serve_metrics = module.OpenCTIMetricHandler

        # pycti's own logs each error and returns False, which hides the reason.
        def health_check(client: Any) -> bool:
            self.query_schema(lambda query: client.query(query)["data"])
            return True

        def taken(connector: Any) -> dict[str, Any]:
            # OpenCTI refuses a registration with a field that it does not know, as a newer pycti
            # has.
            given = to_input(connector)["input"]
            self.omitted_fields = [key for key in given if not self._is_taken(key)]
            return {"input": {key: given[key] for key in given if self._is_taken(key)}}

        def metrics(*args: Any) -> Any:
            if not self.metrics:
                self.metrics.append(_serving(lambda: serve_metrics(*args)))
            return self.metrics[0]

        with ExitStack() as stack:
            # Replaced meanwhile, because pycti's helper builds its own client and registration.
            stack.enter_context(_replace_attribute(OpenCTIApiClient, "health_check", health_check))
            stack.enter_context(_replace_attribute(module.OpenCTIConnector, "to_input", taken))
            stack.enter_context(_replace_attribute(module, "OpenCTIMetricHandler", metrics))
            yield

    def _is_taken(self, key: str) -> bool:
        return self.accepted_fields is None or key in self.accepted_fields


def pycti_version() -> str:
    """Return the version of the installed pycti; empty where there is none."""
    try:
        return version("pycti")
    except PackageNotFoundError:
        return ""


def pycti_advice(platform: str) -> str:
    """Return what to say if the installed pycti is newer than the platform; empty otherwise."""
    if not _numbers(platform) or _numbers(pycti_version()) <= _numbers(platform):
        return ""
    return f"pycti {pycti_version()} is newer than OpenCTI {platform}; {_cure(platform)}"


def version_error(platform: str, refused: Refusal) -> VersionError:
    """Return the error for a registration that the platform does not understand."""
    return VersionError(
        f"OpenCTI {platform} does not accept a registration by pycti {pycti_version()} "
        f"({refused}); {_cure(platform)}"
    )


def trial_registration_query() -> tuple[str, dict[str, Any]]:
    """Return pycti's own registration as query and variables, with an id that nobody takes.

    OpenCTI looks at the whole query, and at all that is sent, before it refuses the id, and carries
    nothing out. Its answer tells whether it understands what pycti asks for and sends.
    """
    from pycti import OpenCTIConnector
    from pycti.api.opencti_api_connector import OpenCTIApiConnector

    asked: list[tuple[str, dict[str, Any]]] = []

    def query(text: str, variables: dict[str, Any]) -> dict[str, Any]:
        asked.append((text, variables))
        return {"data": {"registerConnector": None}}

    # Each version of pycti has other parameters; the constructor looks at these two only.
    given = dict.fromkeys(inspect.signature(OpenCTIConnector).parameters)
    nobody = OpenCTIConnector(**given | {"connector_type": "EXTERNAL_IMPORT", "scope": "report"})
    OpenCTIApiConnector(SimpleNamespace(query=query)).register(nobody)
    return asked[0]


def refusal_of_registration(ask: Callable[[str, Mapping[str, Any]], Any]) -> Refusal | None:
    """Return why OpenCTI would not accept this connector's registration; ``None`` if it would.

    ``ask`` sends a query with variables, and returns the body of the answer.
    """
    for refused in refusals(ask(*trial_registration_query())):
        # What is asked for cannot be changed; of what is sent, fields can be left out by whoever is
        # told which ones are known.
        if refused.name == "GRAPHQL_VALIDATION_FAILED":
            return refused
        if _UNKNOWN_FIELD.search(refused.message) and not _fields(ask(_TAKES, {})):
            return refused
    return None


def _fields(body: Any) -> frozenset[str] | None:
    try:
        return frozenset(each["name"] for each in body["data"]["__type"]["inputFields"])
    except (LookupError, TypeError):
        return None


def _cure(platform: str) -> str:
    numbers = ".".join(map(str, _numbers(platform)))
    return f'pip install "pycti=={numbers}", or build the image with PYCTI_VERSION={numbers}'


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def _serving(serve: Callable[[], Any]) -> Any:
    try:
        return serve()
    except OSError as error:
        raise SettingsError(
            f"CONNECTOR_METRICS_PORT: metrics cannot be served there: {error.strerror}; "
            "name another port"
        ) from None


@contextmanager
def _replace_attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


_TIMEOUT: Final = 300.0


def register(loaded: LoadedSettings, waiter: Waiter) -> Any:
    """Register with OpenCTI and return pycti's ``OpenCTIConnectorHelper``; waits until it is there.

    Writes pycti's settings to the process's environment, and configures the logging of the process.

    Raises CredentialsError where OpenCTI refuses the token, VersionError where pycti does not fit
    it, SettingsError where metrics cannot be served, and Stopping.
    """
    export_for_pycti(loaded, os.environ)
    connector, opencti = loaded.settings.connector, loaded.settings.opencti
    # pycti's own messages go there too.
    configure_logging(connector.name, connector.log_level, as_json=opencti.json_logging)
    registration = Registration()
    helper = waiter.until(OPENCTI, lambda: registration.attempt(_build))
    # Each attempt to reach a broker that is down logs a dozen lines; we log the wait.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    limit_pycti_logging(connector.name, connector.log_level)
    _set_time_out(helper)
    patch_announcing(helper)
    if newer := pycti_advice(registration.platform):
        waiter.log.warning(
            "pycti is newer than OpenCTI",
            {"advice": newer, "left_out": registration.omitted_fields},
        )
    return helper


def _build() -> Any:
    from pycti import OpenCTIConnectorHelper

    hook = sys.excepthook
    # pycti logs each failed attempt with a traceback; we log the wait once.
    quieted = logging.getLogger("api")
    quieted.disabled = True
    try:
        # It would replace our handlers with its own, which lose or garble what is logged.
        with _replace_attribute(logging, "basicConfig", lambda **_: None):
            # Without a configuration: pycti finds the settings in the environment.
            return OpenCTIConnectorHelper({})
    finally:
        quieted.disabled = False
        # pycti's hook ends the process on an error and hides its traceback.
        sys.excepthook = hook


def _set_time_out(helper: Any) -> None:
    """Give the HTTP sessions of an old pycti the time-out that a new one has."""
    for api in (helper.api, helper.api_impersonate):
        if not hasattr(api, "session_requests_timeout"):
            api.session.request = functools.partial(api.session.request, timeout=_TIMEOUT)
