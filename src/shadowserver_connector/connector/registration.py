"""Registering with OpenCTI by pycti, whatever the two versions are, and told why where it fails.

pycti sends what its own version knows, and a platform refuses fields that it does not know. So it
is asked first what it takes; what it does not take is left out. pycti itself hides the reason of
a refusal behind "not reachable".
"""

from __future__ import annotations

import re
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
from shadowserver_connector.sink.platform import Refusal, as_ours, refusal

_ABOUT: Final = "query healthCheck { about { version } }"
# Introspection of one type is answered even where that of the whole schema is switched off.
_TAKES: Final = """
query healthCheck {
  about { version }
  __type(name: "RegisterConnectorInput") { inputFields { name } }
}
"""

Ask = Callable[[str], Mapping[str, Any]]


@dataclass
class Registration:
    """What is known of a registration; it may take several attempts."""

    platform: str = ""
    """The platform's version, once it has told."""
    takes: frozenset[str] | None = None
    """Fields that it takes; ``None`` where it does not tell."""
    left_out: list[str] = field(default_factory=list)
    """Fields that pycti would send, and that the platform does not take."""
    metrics: list[Any] = field(default_factory=list)
    """pycti's server for metrics, which can be there once only."""

    def learn(self, ask: Ask) -> None:
        """Ask the platform for its version, and for what it takes; raises what ``ask`` does."""
        try:
            data = ask(_TAKES)
        except Exception as error:
            refused = refusal(error)
            if refused is None or refused.is_of_token:
                raise
            data = ask(_ABOUT)
        try:
            told = data.get("__type")
            self.takes = frozenset(each["name"] for each in told["inputFields"]) if told else None
            self.platform = str(data["about"]["version"])
        except (LookupError, TypeError, AttributeError):
            raise SinkUnavailableError("OpenCTI's answer is none; it may be starting") from None

    def attempt(self, build: Callable[[], Any]) -> Any:
        """Build pycti's helper, which registers.

        Raises SinkUnavailableError where that may work later, and CredentialsError, VersionError
        and SettingsError where it will not.
        """
        try:
            with self._heard():
                return build()
        except ShadowserverConnectorError:
            raise
        except Exception as error:
            raise self._as_ours(error) from None

    def _as_ours(self, error: Exception) -> ShadowserverConnectorError:
        refused = refusal(error)
        if refused is not None and refused.is_of_token:
            return CredentialsError(
                f"OpenCTI refuses OPENCTI_TOKEN ({refused.name}); check it and its user's rights"
            )
        if refused is not None and refused.is_misfit:
            return misfit(self.platform, refused)
        return as_ours(error)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        from pycti import OpenCTIApiClient
        from pycti.connector import opencti_connector_helper as module

        to_input = module.OpenCTIConnector.to_input
        serve_metrics = module.OpenCTIMetricHandler

        def health_check(client: Any) -> bool:
            self.learn(lambda query: client.query(query)["data"])
            return True

        def taken(connector: Any) -> dict[str, Any]:
            given = to_input(connector)["input"]
            self.left_out = [key for key in given if not self._is_taken(key)]
            return {"input": {key: given[key] for key in given if self._is_taken(key)}}

        def metrics(*args: Any) -> Any:
            if not self.metrics:
                self.metrics.append(_serving(lambda: serve_metrics(*args)))
            return self.metrics[0]

        with ExitStack() as stack:
            stack.enter_context(_replaced(OpenCTIApiClient, "health_check", health_check))
            stack.enter_context(_replaced(module.OpenCTIConnector, "to_input", taken))
            stack.enter_context(_replaced(module, "OpenCTIMetricHandler", metrics))
            yield

    def _is_taken(self, key: str) -> bool:
        return self.takes is None or key in self.takes


def installed() -> str:
    """Return the version of the installed pycti; empty where there is none."""
    try:
        return version("pycti")
    except PackageNotFoundError:
        return ""


def advice(platform: str) -> str:
    """Return what to say where the installed pycti is newer than the platform; empty otherwise."""
    if not _numbers(platform) or _numbers(installed()) <= _numbers(platform):
        return ""
    return f"pycti {installed()} is newer than OpenCTI {platform}; {_cure(platform)}"


def misfit(platform: str, refused: Refusal) -> VersionError:
    """Return the error for a registration that the platform does not understand."""
    return VersionError(
        f"OpenCTI {platform} does not take a registration by pycti {installed()} "
        f"({refused}); {_cure(platform)}"
    )


def trial() -> tuple[str, dict[str, Any]]:
    """Return pycti's own registration as query and variables, with an id that nobody takes.

    OpenCTI looks at the whole query before it refuses the id, and carries nothing out. Its answer
    tells whether it understands what pycti wants to know of it.
    """
    from pycti.api.opencti_api_connector import OpenCTIApiConnector

    asked: list[tuple[str, dict[str, Any]]] = []

    def query(text: str, variables: dict[str, Any]) -> dict[str, Any]:
        asked.append((text, variables))
        return {"data": {"registerConnector": None}}

    nobody = SimpleNamespace(to_input=lambda: {"input": {"id": None}})
    OpenCTIApiConnector(SimpleNamespace(query=query)).register(nobody)
    return asked[0]


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
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
