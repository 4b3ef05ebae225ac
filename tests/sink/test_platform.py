"""Errors of OpenCTI and pycti as our own, and the queries sent to them."""

from __future__ import annotations

import errno
import functools
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from shadowserver_connector.bundle.chunk import LabelsAndScore
from shadowserver_connector.errors import SinkUnavailableError, VersionError
from shadowserver_connector.sink import works
from shadowserver_connector.sink.delivered import existing_objects
from shadowserver_connector.sink.platform import (
    Abilities,
    await_import,
    await_room,
    call_platform,
    describe_platform_error,
    error_name,
    find_abilities,
    has_error_answer,
    is_too_large,
    queued_megabytes,
    refusal_in,
    refusals,
    to_sink_error,
)
from shadowserver_connector.sink.works import WorkDeletedError
from shadowserver_connector.waiting import Stopping, Waiter
from tests.sink.pycti_fakes import FakeHelper, FakeLog

NEW = Abilities("no_split", True, True, True)
OLD = Abilities(None, False, False, False)
NAMED = ValueError({"name": "DATABASE_ERROR", "error_message": "no"})


class RefusedError(Exception):
    """What pika raises when RabbitMQ closes a channel."""

    def __init__(self, reply_code: int) -> None:
        super().__init__(reply_code, "PRECONDITION_FAILED")
        self.reply_code = reply_code


class Calls:
    """Records how a function was called, and returns or raises what is prepared."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record the call."""
        self.calls.append((args, kwargs))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def platform(**works: Any) -> Any:
    """Return a helper whose works use these functions."""
    return SimpleNamespace(
        connect_id="connect-id",
        connector_id="connector-id",
        api=SimpleNamespace(work=SimpleNamespace(**works)),
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ValueError({"name": "AUTH_REQUIRED"}),
            "AUTH_REQUIRED; check OPENCTI_TOKEN and the rights of its user",
        ),
        (
            ValueError({"name": "FORBIDDEN_ACCESS"}),
            "FORBIDDEN_ACCESS; check OPENCTI_TOKEN and the rights of its user",
        ),
        (NAMED, "DATABASE_ERROR"),
        (ValueError("<html>"), "no valid answer; the platform may be starting"),
        (ValueError(), "no valid answer; the platform may be starting"),
        (OSError(errno.ECONNREFUSED, "token"), "Connection refused"),
        (requests.ConnectionError("token"), "ConnectionError"),
        (RefusedError(320), "RefusedError 320"),
        (
            requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] token"),
            "the server's certificate is not trusted; name your CA's file in OPENCTI_CA_BUNDLE",
        ),
        (KeyError("token"), "KeyError"),
    ],
)
def test_error_of_pycti_is_told_in_few_words(error: Exception, said: str) -> None:
    """The message says what to do, and quotes nothing that could hold a token."""
    assert describe_platform_error(error) == said
    assert str(to_sink_error(error)) == f"OpenCTI returned an error: {said}"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (NAMED, "DATABASE_ERROR"),
        (ValueError({"error_message": "no"}), ""),
        (ValueError("no"), ""),
        (ValueError(), ""),
        (RuntimeError({"name": "x"}), ""),
    ],
)
def test_name_is_the_one_that_opencti_gave(error: Exception, name: str) -> None:
    """An error's name is read from the dict in pycti's ValueError; other errors have none."""
    assert error_name(error) == name


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (NAMED, True),
        (ValueError('  {"data": null, "errors": [{}]}'), True),
        (ValueError('{"data": {}}'), False),
        (ValueError('<html>{"errors"'), False),
        (RuntimeError('{"errors": [{}]}'), False),
        (requests.ConnectionError(), False),
    ],
)
def test_refusal_is_told_from_trouble(error: Exception, refused: bool) -> None:
    """Only an error that OpenCTI itself returns is a refusal; a proxy's page is not."""
    assert has_error_answer(error) is refused


@pytest.mark.parametrize(
    ("error", "too_large"),
    [
        (RefusedError(311), True),
        (RefusedError(406), True),
        (RefusedError(320), False),
        (ValueError("413 Request Entity Too Large"), True),
        (ValueError("<html><h1>413 Too large"), True),
        (ValueError("x" * 496 + "413 "), True),
        (ValueError("x" * 497 + "413 "), False),
        (ValueError("1413"), False),
        (RuntimeError("413 "), False),
    ],
)
def test_refusal_for_size_is_known(error: Exception, too_large: bool) -> None:
    """RabbitMQ's code, or the status in a proxy's page, shows that a message is too large."""
    assert is_too_large(error) is too_large


def test_what_pycti_raises_does_not_reach_the_caller() -> None:
    """The HTTP library's error, which quotes the token, is not in the chain of causes."""
    with pytest.raises(SinkUnavailableError) as caught:
        call_platform(Calls(requests.ConnectionError("Bearer token")))
    assert caught.value.__suppress_context__
    assert str(caught.value) == "OpenCTI returned an error: ConnectionError"


def test_work_is_opened_for_this_connector_under_its_name() -> None:
    """If pycti can, the work is opened as multipart, so it stays open between bundles."""
    initiate = Calls(7)
    assert works.open_work(platform(initiate_work=initiate), NEW, "reports") == "7"
    assert works.open_work(platform(initiate_work=initiate), OLD, "reports") == "7"
    assert initiate.calls == [
        (("connect-id", "reports"), {"is_multipart": True}),
        (("connect-id", "reports"), {}),
    ]
    assert works.open_work(platform(initiate_work=Calls(None)), NEW, "reports") is None


@pytest.mark.parametrize(
    ("work", "number"),
    [
        ({"tracking": {"import_expected_number": "5"}}, 5),
        ({"tracking": {"import_expected_number": None}}, 0),
        ({"tracking": {}}, 0),
        ({"tracking": None}, 0),
        ({}, 0),
    ],
)
def test_expected_number_is_read_from_the_works_progress(work: dict[str, Any], number: int) -> None:
    """A work without an announcement has no expected number."""
    get_work = Calls(work)
    assert works.expected_objects(platform(get_work=get_work), "work-1") == number
    assert get_work.calls == [(("work-1",), {})]


def test_work_that_is_gone_was_deleted() -> None:
    """The error of a missing work says that its reports will be sent again."""
    said = "^its work was deleted in OpenCTI; it is sent again in another one$"
    with pytest.raises(WorkDeletedError, match=said):
        works.expected_objects(platform(get_work=Calls(None)), "work-1")
    helper = platform()
    helper.api.query = Calls(ValueError({"name": "WORK_NOT_ALIVE"}))
    with pytest.raises(WorkDeletedError, match=said):
        works.add_expected(helper, "work-1", 5)


def test_announcement_that_fails_otherwise_is_trouble_of_the_platform() -> None:
    """Other failures of an announcement are outages with a reason, and can be retried."""
    helper = platform()
    helper.api.query = Calls(NAMED)
    with pytest.raises(SinkUnavailableError, match="DATABASE_ERROR"):
        works.add_expected(helper, "work-1", 5)
    ((_, variables),) = (args for args, _ in helper.api.query.calls)
    assert variables == {"id": "work-1", "expectations": 5}


def test_queue_is_measured_in_megabytes() -> None:
    """The size of this connector's queue is in megabytes."""
    read = Calls({"connector_queue_details": {"messages_size": "2500000"}})
    helper = SimpleNamespace(
        connector_id="connector-id", api=SimpleNamespace(connector=SimpleNamespace(read=read))
    )
    assert queued_megabytes(helper) == 2.5
    assert read.calls == [((), {"connector_id": "connector-id"})]


def test_connector_that_opencti_does_not_know_is_told_to_register() -> None:
    """The error of a connector deleted in OpenCTI says to register it again."""
    helper = SimpleNamespace(
        connector_id="x", api=SimpleNamespace(connector=SimpleNamespace(read=Calls(None)))
    )
    said = "^OpenCTI does not know this connector; restart it to register$"
    with pytest.raises(SinkUnavailableError, match=said):
        queued_megabytes(helper)


def test_full_queue_is_looked_at_every_ten_seconds_and_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connector's page shows size and threshold of the queue, and that it waits."""
    helper = FakeHelper(connect_queue_threshold="1", queue_sizes=[1_500_000, 1_000_000, 500_000])
    seen: list[tuple[float, Any]] = []

    def pause(_: Waiter, seconds: float) -> None:
        info = helper.connector_info
        shown = (info.buffering, info.queue_threshold, info.queue_messages_size)
        seen.append((seconds, shown))

    monkeypatch.setattr(Waiter, "pause", pause)
    await_room(helper, Waiter(threading.Event(), helper.connector_logger))
    assert seen == [(10.0, (True, 1.0, 1.5)), (10.0, (True, 1.0, 1.0))]
    assert helper.connector_info.buffering is False


def test_opencti_that_does_not_tell_of_its_queue_is_waited_for() -> None:
    """If OpenCTI does not tell the queue's size, the log says that OpenCTI is waited for."""
    helper = FakeHelper()
    read, failures = helper.api.connector.read, [requests.ConnectionError()]

    def failing(**kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return read(**kwargs)

    helper.api.connector.read = failing
    await_room(helper, Waiter(threading.Event(), helper.connector_logger, 0.0))
    waited_for = [meta.get("for") for _, _, meta in helper.connector_logger.lines]
    assert waited_for == ["OpenCTI", "OpenCTI"]


def test_wait_for_the_queue_ends_when_asked_to_stop() -> None:
    """A request to stop ends the wait for a full queue."""
    stop = threading.Event()
    stop.set()
    helper = FakeHelper(connect_queue_threshold=0, queue_sizes=[1])
    with pytest.raises(Stopping):
        await_room(helper, Waiter(stop, FakeLog()), pause=3600)


class Clock:
    """A clock that only pauses move on."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """Return the time."""
        return 1_000_000 + sum(self.pauses)


def awaited(
    monkeypatch: pytest.MonkeyPatch, waits: list[int], patience: float
) -> tuple[bool, list[float], list[int]]:
    """Wait for an empty queue with these sizes; return the answer, the pauses, and unused sizes."""
    clock = Clock()
    monkeypatch.setattr("shadowserver_connector.sink.platform.time", clock)
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: clock.pauses.append(seconds))
    helper = FakeHelper(queue_numbers=waits)
    waiter = Waiter(threading.Event(), FakeLog(), patience=patience, queue_numbers_delay=6.0)
    return await_import(helper, waiter), clock.pauses, helper.queue_numbers


def test_queue_is_empty_once_it_is_twice_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue counts as empty after two zeros, since RabbitMQ's numbers lag behind."""
    assert awaited(monkeypatch, [0, 0, 7], 900.0) == (True, [6.0], [7])
    assert awaited(monkeypatch, [2, 0, 1, 0, 0, 7], 900.0) == (True, [6.0] * 4, [7])


@pytest.mark.parametrize(("patience", "looks"), [(11.0, 3), (12.0, 4), (13.0, 4)])
def test_import_is_awaited_as_long_as_patience_lasts(
    monkeypatch: pytest.MonkeyPatch, patience: float, looks: int
) -> None:
    """When patience ends, the answer is that OpenCTI is behind."""
    answer, pauses, left = awaited(monkeypatch, [3] * 9, patience)
    assert (answer, pauses, len(left)) == (False, [6.0] * (looks - 1), 9 - looks)


def test_queue_that_empties_as_patience_ends_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A first zero at the end of patience is confirmed by one more look."""
    assert awaited(monkeypatch, [3, 3, 0, 0, 7], 11.0) == (True, [6.0] * 3, [7])


def test_import_is_awaited_of_an_opencti_that_is_away_for_a_while() -> None:
    """The queue's size is requested again until OpenCTI answers."""
    answers = [requests.ConnectionError(), None, None]
    asked = []

    def read(**kwargs: Any) -> Any:
        asked.append(kwargs)
        if error := answers.pop(0):
            raise error
        return {"connector_queue_details": {"messages_number": "0", "messages_size": "0"}}

    helper = SimpleNamespace(
        connector_id="connector-id", api=SimpleNamespace(connector=SimpleNamespace(read=read))
    )
    log = FakeLog()
    assert (
        await_import(helper, Waiter(threading.Event(), log, 0.0, queue_numbers_delay=0.0)) is True
    )
    assert asked == [{"connector_id": "connector-id"}] * 3
    assert [meta.get("for") for _, message, meta in log.lines if message == "Waiting"] == [
        "OpenCTI"
    ]


def test_ids_are_looked_up_as_pycti_looks_them_up() -> None:
    """An object is found by any of its ids; unrequested objects are ignored."""
    nodes: list[dict[str, Any]] = [
        {"standard_id": "a", "x_opencti_stix_ids": None},
        {
            "standard_id": "x",
            "x_opencti_stix_ids": ["b", "y"],
            "objectLabel": [{"value": "ssh"}, {"value": "Two"}],
            "x_opencti_score": 75,
        },
        {"standard_id": "z"},
    ]
    edges = [{"node": node} for node in nodes]
    query = Calls({"data": {"stixObjectOrStixRelationships": {"edges": edges}}})
    helper = SimpleNamespace(api=SimpleNamespace(query=query))
    assert existing_objects(helper, ["a", "b", "c"]) == {
        "a": LabelsAndScore(frozenset(), None),
        "b": LabelsAndScore(frozenset({"ssh", "two"}), 75),
    }
    [((_, variables), _)] = query.calls
    assert variables == {
        "filters": {
            "mode": "and",
            "filters": [{"key": "ids", "values": ["a", "b", "c"], "mode": "or"}],
            "filterGroups": [],
        },
        "first": 3,
    }


def test_lookup_of_many_ids_asks_for_200_at_once() -> None:
    """Ids are looked up 200 per call, and none is lost between two calls."""
    query = Calls({"data": {"stixObjectOrStixRelationships": None}})
    helper = SimpleNamespace(api=SimpleNamespace(query=query))
    ids = [str(number) for number in range(401)]
    assert existing_objects(helper, ids) == {}
    asked = [args[1]["filters"]["filters"][0]["values"] for args, _ in query.calls]
    assert [len(each) for each in asked] == [200, 200, 1]
    assert [each for some in asked for each in some] == ids


def test_lookup_that_fails_is_trouble_only_where_it_is_no_refusal() -> None:
    """A refused lookup finds nothing; any other failure is an outage."""
    helper = SimpleNamespace(api=SimpleNamespace(query=Calls(NAMED)))
    assert existing_objects(helper, ["a"]) == {}
    helper.api.query = Calls(requests.ConnectionError())
    with pytest.raises(SinkUnavailableError, match="ConnectionError"):
        existing_objects(helper, ["a"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError({"name": "FORBIDDEN_ACCESS", "error_message": "no"}), "FORBIDDEN_ACCESS: no"),
        (ValueError({"name": "FORBIDDEN_ACCESS"}), "FORBIDDEN_ACCESS"),
        (ValueError({"name": "X", "error_message": " two\n  lines\t"}), "X: two lines"),
        (ValueError({"name": "N" * 101, "error_message": None}), "N" * 100 + "..."),
        (ValueError({"name": "X", "error_message": "m" * 301}), "X: " + "m" * 300 + "..."),
        (ValueError({"name": "X", "error_message": "m" * 300}), "X: " + "m" * 300),
        (ValueError({"name": "", "error_message": "no"}), None),
        (ValueError({"error_message": "no"}), None),
        (ValueError(' {"errors": [{"name": "X", "message": "no"}, {"name": "Y"}]}'), "X: no"),
        (ValueError('{"errors": [{"extensions": {"code": "X"}, "message": "no"}]}'), "X: no"),
        (ValueError('{"errors": [{"name": "Y", "extensions": {"code": "X"}}]}'), "Y"),
        (ValueError('{"errors": [{"message": "no"}]}'), None),
        (ValueError('{"errors": [{"extensions": ["X"], "message": "no"}]}'), None),
        (ValueError('{"errors": {"0": {"name": "X"}}}'), None),
        (ValueError('{"errors": ["X"]}'), None),
        (ValueError('{"errors": []}'), None),
        (ValueError('{"data": null}'), None),
        (ValueError('{"errors": '), None),
        (ValueError('[{"errors": [{"name": "X"}]}]'), None),
        (ValueError("<html>"), None),
        (ValueError(413), None),
        (ValueError(), None),
        (RuntimeError({"name": "X", "error_message": "no"}), None),
    ],
)
def test_what_opencti_said_is_read_whatever_the_status(error: Exception, said: str | None) -> None:
    """OpenCTI's error is read at any HTTP status, and cut to a readable line."""
    found = refusal_in(error)
    assert (None if found is None else str(found)) == said


@pytest.mark.parametrize("body", [None, [], "X", {"errors": None}, [{"errors": [{"name": "X"}]}]])
def test_answer_without_errors_is_no_refusal(body: Any) -> None:
    """An answer without GraphQL errors, of whatever server, is no refusal."""
    assert list(refusals(body)) == []


@pytest.mark.parametrize(
    "name", ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"]
)
def test_call_that_opencti_does_not_know_is_a_matter_of_versions(name: str) -> None:
    """An unknown call is a version error that quotes OpenCTI; it is not waited out."""
    ours = to_sink_error(ValueError({"name": name, "error_message": "unknown argument"}))
    assert isinstance(ours, VersionError)
    said = f"OpenCTI refuses what the installed pycti asks for: {name}: unknown argument"
    assert str(ours) == said
    with pytest.raises(VersionError):
        call_platform(Calls(ValueError({"name": name, "error_message": "unknown argument"})))
    assert not isinstance(to_sink_error(NAMED), VersionError)


def test_pyctis_own_announcement_is_replaced_by_one_that_fails() -> None:
    """The replacement returns success only if OpenCTI took the announcement."""
    helper = platform()
    helper.api.query = Calls()
    works.patch_announcing(helper)
    assert helper.api.work.add_expectations("work-1", 5) is True
    ((_, variables),) = (args for args, _ in helper.api.query.calls)
    assert variables == {"id": "work-1", "expectations": 5}
    helper.api.query = Calls(NAMED)
    with pytest.raises(SinkUnavailableError):
        helper.api.work.add_expectations("work-1", 5)


def test_abilities_are_read_in_functions_of_any_kind() -> None:
    """Features are found in wrapped functions too: by parameter, keyword or key."""

    def by_parameter(bundle: str, *, bypass_split: bool = False) -> None:
        """Stand for a function that has the parameter."""

    def by_word(**kwargs: Any) -> Any:
        return kwargs.get("is_multipart")

    def by_key(**kwargs: Any) -> Any:
        return {"networkSrc": kwargs, "networkDst": kwargs}

    @functools.wraps(by_key)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return by_key(*args, **kwargs)

    helper = SimpleNamespace(
        send_stix2_bundle=by_parameter,
        api=SimpleNamespace(
            work=SimpleNamespace(initiate_work=by_word),
            stix_cyber_observable=SimpleNamespace(create=wrapped),
        ),
    )
    assert find_abilities(helper) == Abilities("bypass_split", True, False, True)


def test_nothing_is_read_into_functions_that_say_nothing() -> None:
    """Functions that show no feature give none."""

    def silent(**kwargs: Any) -> Any:
        return None if kwargs else ()

    helper = SimpleNamespace(
        send_stix2_bundle=silent,
        api=SimpleNamespace(
            work=SimpleNamespace(initiate_work=silent),
            stix_cyber_observable=SimpleNamespace(create=silent),
        ),
    )
    assert find_abilities(helper) == Abilities(None, False, False, False)
