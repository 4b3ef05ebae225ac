"""Calls to OpenCTI through pycti's helper, with what can go wrong made plain."""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar

from shadowserver_connector.errors import (
    SinkUnavailableError,
    VersionError,
    describe_tls_or_proxy_error,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.report.wording import printable
from shadowserver_connector.waiting import OPENCTI, ROOM_PAUSE, Waiter

T = TypeVar("T")

_MEGABYTE: Final = 1_000_000
# AMQP 0-9-1: content-too-large; RabbitMQ says precondition-failed to a message above its limit.
_TOO_LARGE = frozenset({311, 406})
_TOKEN: Final = frozenset({
    "AUTH_REQUIRED", "AUTH_FAILURE", "FORBIDDEN_ACCESS", "OTP_REQUIRED", "OTP_REQUIRED_ACTIVATION",
    "PASSWORD_CHANGE_REQUIRED", "LTS_REQUIRED_ACTIVATION",
})  # fmt: skip
_MISFITS: Final = frozenset({
    "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED",
})  # fmt: skip
_MESSAGE: Final = 300


Whole = Literal["no_split", "bypass_split"]
_WHOLE: Final[tuple[Whole, ...]] = ("no_split", "bypass_split")


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the installed pycti can do; asked, never derived from its version."""

    whole_messages: Whole | None
    """Keyword by which a bundle travels as one message that one worker imports in order.

    With ``no_split`` pycti announces one object whatever the message holds, with ``bypass_split``
    as many as it holds. The workers of OpenCTI 6.2, whose pycti has the latter, import every
    message whole; versions in between take the keyword and split all the same.
    """
    multipart_works: bool
    """A work can stay open between several bundles."""
    ssh_keys: bool
    """The importer knows SSH-Key."""
    network_traffic: bool
    """The importer creates Network-Traffic together with its ends.

    An older one relates the ends afterwards, which OpenCTI refuses when the object comes again.
    """


def find_abilities(helper: Any) -> Abilities:
    """Ask pycti what it can do."""
    send = helper.send_stix2_bundle
    create_observable = helper.api.stix_cyber_observable.create
    return Abilities(
        whole_messages=next((word for word in _WHOLE if _mentions(send, word)), None),
        multipart_works=_mentions(helper.api.work.initiate_work, "is_multipart"),
        ssh_keys=_mentions(create_observable, "SSH-Key"),
        network_traffic=_mentions(create_observable, "networkSrc"),
    )


def limit_to_abilities(options: Options, abilities: Abilities) -> Options:
    """Return conversion options without what the installed pycti could not import."""
    return replace(
        options,
        ssh_keys=options.ssh_keys and abilities.ssh_keys,
        network_traffic=options.network_traffic and abilities.network_traffic,
    )


def _mentions(method: Callable[..., Any], word: str) -> bool:
    """Tell whether a method has a parameter of this name, or uses the word as a constant.

    Most of pycti takes ``**kwargs`` and looks its keywords up by name.
    """
    if word in inspect.signature(method).parameters:
        return True
    function = inspect.unwrap(getattr(method, "__func__", method))
    # The keys of a dict display are one constant.
    return any(
        constant == word or (isinstance(constant, tuple) and word in constant)
        for constant in function.__code__.co_consts
    )


def call_platform(call: Callable[[], T]) -> T:
    """Run a call to the platform; an error becomes the one that `to_sink_error` returns."""
    try:
        return call()
    except Exception as error:
        raise to_sink_error(error) from None


def to_sink_error(error: BaseException) -> SinkUnavailableError | VersionError:
    """Turn an error of pycti into ours, to be raised ``from None``.

    A refused token counts as unavailable: once a connector runs, it waits for the token to be put
    right. The chain must be cut: errors of the HTTP library quote requests, which hold the token.
    """
    refused = refusal_in(error)
    if refused is not None and refused.is_misfit:
        return VersionError(f"OpenCTI refuses what the installed pycti asks for: {refused}")
    return SinkUnavailableError(f"OpenCTI returned an error: {describe_platform_error(error)}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What OpenCTI answered instead of doing as asked."""

    name: str
    """For programs: ``BAD_USER_INPUT``."""
    message: str
    """For people, in one line."""

    @property
    def is_misfit(self) -> bool:
        """Whether it does not know what was asked for, as it is of another version."""
        return self.name in _MISFITS

    @property
    def is_of_token(self) -> bool:
        """Whether it does not take the token, or its user has no right to this."""
        return self.name in _TOKEN

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


def refusal_in(error: BaseException) -> Refusal | None:
    """Return what OpenCTI said, whatever HTTP status it came with; ``None`` where it said nothing.

    Also of trouble that passes by itself, such as ``DATABASE_ERROR``.
    """
    said = error.args[0] if isinstance(error, ValueError) and error.args else None
    if isinstance(said, dict):
        return _refusal(said.get("name"), said.get("error_message"))
    if not isinstance(said, str) or not said.lstrip().startswith("{"):
        return None
    # Of an answer with another status than 200 pycti gives the body only.
    try:
        return next(refusals(json.loads(said)), None)
    except ValueError:
        return None


def refusals(body: Any) -> Iterator[Refusal]:
    """Yield the errors of a GraphQL answer; stop at the first entry that is not a valid one."""
    errors = body.get("errors") if isinstance(body, dict) else None
    for error in errors if isinstance(errors, list) else ():
        if not isinstance(error, dict):
            return
        extensions = error.get("extensions")
        code = extensions.get("code") if isinstance(extensions, dict) else None
        refused = _refusal(error.get("name") or code, error.get("message"))
        if refused is None:
            return
        yield refused


def _refusal(name: object, message: object) -> Refusal | None:
    text = " ".join(str(message or "").split())
    return Refusal(printable(str(name), 100), printable(text, _MESSAGE)) if name else None


def error_name(error: BaseException) -> str:
    """Return the name that OpenCTI gave to an error in its answer, or an empty text."""
    said = error.args[0] if isinstance(error, ValueError) and error.args else None
    return str(said.get("name", "")) if isinstance(said, dict) else ""


def has_error_answer(error: BaseException) -> bool:
    """Tell whether OpenCTI answered with an error, be it one that passes by itself."""
    if error_name(error):
        return True
    # Of an answer with another status than 200, as to a query that is not valid, pycti gives the
    # body only.
    text = str(error) if isinstance(error, ValueError) else ""
    return text.lstrip().startswith("{") and '"errors"' in text


def is_too_large(error: BaseException) -> bool:
    """Tell whether RabbitMQ, the platform or a proxy refused something for its size."""
    if getattr(error, "reply_code", None) in _TOO_LARGE:
        return True
    # pycti gives the body of an answer only, not its status; proxies write the status there.
    return isinstance(error, ValueError) and "413 " in str(error)[:500]


def describe_platform_error(error: BaseException) -> str:
    """Describe an error of pycti in a few words that cannot hold a secret."""
    refused = refusal_in(error)
    if refused is not None:
        rights = "; check OPENCTI_TOKEN and the rights of its user" if refused.is_of_token else ""
        return f"{refused.name}{rights}"
    why = describe_tls_or_proxy_error(error, "OPENCTI_CA_BUNDLE")
    if why is not None:
        return why
    if isinstance(error, ValueError):
        return "no valid answer; the platform may be starting"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    code = getattr(error, "reply_code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"


def queued_megabytes(helper: Any) -> float:
    """Return how much waits in this connector's queue. Raises SinkUnavailableError.

    pycti's own check would end the process when OpenCTI does not answer.
    """
    return float(_queue(helper)["messages_size"]) / _MEGABYTE


def _queue(helper: Any) -> dict[str, Any]:
    connector = call_platform(lambda: helper.api.connector.read(connector_id=helper.connector_id))
    if connector is None:
        raise SinkUnavailableError("OpenCTI does not know this connector; restart it to register")
    details: dict[str, Any] = connector["connector_queue_details"]
    return details


def await_import(helper: Any, waiter: Waiter) -> bool:
    """Wait until OpenCTI has taken in all that was sent; return False if patience ends first.

    Raises Stopping.
    """
    started = time.monotonic()
    empty = 0
    while True:
        waits = int(waiter.until(OPENCTI, lambda: _queue(helper))["messages_number"])
        empty = 0 if waits else empty + 1
        if empty == 2:
            return True
        if waits and time.monotonic() - started > waiter.patience:
            return False
        waiter.pause(waiter.queue_numbers_delay)


def await_room(helper: Any, waiter: Waiter, pause: float = ROOM_PAUSE) -> None:
    """Return once the queue is below ``CONNECTOR_QUEUE_THRESHOLD``; raises Stopping.

    ``pause`` is in seconds. What is measured shows on the connector's page in OpenCTI.
    """
    threshold = float(helper.connect_queue_threshold)
    info = helper.connector_info
    info.queue_threshold = threshold
    while True:
        size = waiter.until(OPENCTI, lambda: queued_megabytes(helper))
        info.queue_messages_size = size
        full = size >= threshold
        if full and not info.buffering:
            waiter.log.info(
                "The queue is full, pausing", {"megabytes": size, "threshold": threshold}
            )
        elif info.buffering and not full:
            waiter.log.info("The queue has room again, resuming", {"megabytes": size})
        info.buffering = full
        if not full:
            return
        waiter.pause(pause)
