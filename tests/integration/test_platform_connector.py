"""The stand-in treats connectors, works and faults as the platform does, seen through pycti."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from pycti import OpenCTIApiClient, OpenCTIConnectorHelper

from tests.integration.conftest import Connect
from tests.platform import samples
from tests.platform.errors import PlatformError
from tests.platform.opencti import Fault, OpenCTI
from tests.platform.queues import LocalQueues, push_queue
from tests.platform.rabbitmq import RabbitMQ
from tests.platform.worker import Workers

pytestmark = pytest.mark.integration


def open_multipart(helper: OpenCTIConnectorHelper) -> str:
    """Open a multipart work as pycti 7 does; 6.2 has no way of its own."""
    answer = helper.api.query(
        """
        mutation workAdd($connectorId: String!, $friendlyName: String, $isMultiPartWork: Boolean) {
            workAdd(connectorId: $connectorId, friendlyName: $friendlyName,
                    isMultiPartWork: $isMultiPartWork) { id }
        }
        """,
        {
            "connectorId": helper.connector_id,
            "friendlyName": "day",
            "isMultiPartWork": True,
        },
    )
    return str(answer["data"]["workAdd"]["id"])


def push(
    helper: OpenCTIConnectorHelper, objects: list[dict[str, Any]], work_id: str | None
) -> None:
    """Send by the queue protocol `api`; 6.2 does not have it, so its call is made here."""
    bundle = samples.bundle_of(objects)
    if hasattr(helper.api, "send_bundle_to_api"):
        helper.send_stix2_bundle(bundle, work_id=work_id)
        return
    helper.api.query(
        """
        mutation StixBundlePush($connectorId: String!, $bundle: String!, $work_id: String) {
            stixBundlePush(connectorId: $connectorId, bundle: $bundle, work_id: $work_id)
        }
        """,
        {"connectorId": helper.connector_id, "bundle": bundle, "work_id": work_id},
    )


def ping(helper: OpenCTIConnectorHelper) -> Any:
    """Ping by hand, with the helper's state, and return the state that the platform answers."""
    answer = helper.api.connector.ping(
        helper.connector_id, helper.get_state(), helper.connector_info.all_details
    )
    return answer["connector_state"]


@pytest.fixture
def helper(platform: OpenCTI, connect: Connect) -> OpenCTIConnectorHelper:
    """Return a registered connector whose own pings are stopped, so that they do not interfere."""
    registered = connect(platform)
    registered.ping.stop()
    registered.ping.join(30)
    return registered


def test_a_wrong_token_is_refused(platform: OpenCTI) -> None:
    """Every request without the platform's token gets an AUTH error."""
    with pytest.raises(ValueError, match="not reachable"):
        OpenCTIApiClient(platform.url, "wrong", log_level="critical")
    answer = requests.post(
        f"{platform.url}/graphql",
        json={"query": "query { about { version } }"},
        headers={"Authorization": "Bearer wrong"},
        timeout=10,
    ).json()
    assert answer["errors"][0]["name"] == "AUTH_REQUIRED"
    assert not any(seen.authenticated for seen in platform.requests)


def test_the_state_is_kept_and_given_back(
    platform: OpenCTI, helper: OpenCTIConnectorHelper, connect: Connect
) -> None:
    """A ping stores a state, and the connector finds it at its next start."""
    assert helper.get_state() is None
    helper.set_state({"version": 1})
    helper.force_ping()
    assert platform.state(helper.connector_id) == {"version": 1}
    assert connect(platform, id=helper.connector_id).get_state() == {"version": 1}


def test_a_reset_empties_state_and_queue(
    platform: OpenCTI, rabbitmq: RabbitMQ, helper: OpenCTIConnectorHelper
) -> None:
    """After a reset the next ping returns no state, and the queue is empty."""
    helper.set_state({"version": 1})
    ping(helper)
    helper.send_stix2_bundle(samples.bundle_of([samples.author()]))
    platform.reset(helper.connector_id)
    assert rabbitmq.ready(push_queue(helper.connector_id)) == 0
    assert platform.state(helper.connector_id) is None
    assert ping(helper) == ""
    assert platform.state(helper.connector_id) is None
    ping(helper)
    assert platform.state(helper.connector_id) == {"version": 1}


def test_force_ping_pushes_the_old_state_over_a_reset(
    platform: OpenCTI, helper: OpenCTIConnectorHelper
) -> None:
    """pycti's own ping undoes a reset, so a connector has to look before it pings."""
    helper.set_state({"version": 1})
    helper.force_ping()
    platform.reset(helper.connector_id)
    helper.force_ping()
    assert platform.state(helper.connector_id) == {"version": 1}


def test_the_queue_is_told_in_messages_and_bytes(
    platform: OpenCTI, rabbitmq: RabbitMQ, helper: OpenCTIConnectorHelper
) -> None:
    """The numbers that a connector reads before it runs are RabbitMQ's."""
    helper.send_stix2_bundle(samples.bundle_of([samples.author()]))
    details = helper.api.connector.read(helper.connector_id)["connector_queue_details"]
    messages, size = rabbitmq.size(push_queue(helper.connector_id))
    assert details == {"messages_number": messages, "messages_size": size}
    assert messages == 1
    assert size > len(samples.bundle_of([samples.author()]))


def test_stop_unregisters_and_deletes_the_queue(
    platform: OpenCTI, connect: Connect, rabbitmq: RabbitMQ
) -> None:
    """pycti's `stop` deletes the connector and its queue, so it is no shutdown."""
    helper = connect(platform)
    helper.send_stix2_bundle(samples.bundle_of([samples.author()]))
    helper.stop()
    assert platform.connectors.all() == []
    with pytest.raises(RuntimeError, match="knows no queue"):
        rabbitmq.size(push_queue(helper.connector_id))


def test_a_work_is_complete_when_all_is_reported(
    platform: OpenCTI, helper: OpenCTIConnectorHelper
) -> None:
    """A work that is not multipart completes when its reports reach the announced number."""
    work = helper.api.work
    work_id = work.initiate_work(helper.connector_id, "day")
    work.add_expectations(work_id, 2)
    work.report_expectation(work_id, None)
    assert work.get_work(work_id)["status"] == "progress"
    work.report_expectation(work_id, {"error": "no", "source": "{}"})
    shown = work.get_work(work_id)
    assert shown["status"] == "complete"
    assert shown["tracking"] == {"import_expected_number": 2, "import_processed_number": 2}
    assert [error["message"] for error in shown["errors"]] == ["no"]
    assert [one["id"] for one in work.get_connector_works(helper.connector_id)] == [work_id]


def test_a_multipart_work_waits_to_be_closed(
    platform: OpenCTI, helper: OpenCTIConnectorHelper
) -> None:
    """A multipart work stays open between sends; closed early, it waits for the reports."""
    work = helper.api.work
    work_id = open_multipart(helper)
    work.add_expectations(work_id, 1)
    work.report_expectation(work_id, None)
    assert work.get_work(work_id)["status"] == "progress"
    work.add_expectations(work_id, 1)
    work.to_processed(work_id, "two parts")
    assert work.get_work(work_id)["status"] == "progress"
    work.report_expectation(work_id, None)
    shown = work.get_work(work_id)
    assert shown["status"] == "complete"
    assert [message["message"] for message in shown["messages"]] == ["two parts"]


def test_a_work_closed_in_error_says_why(platform: OpenCTI, helper: OpenCTIConnectorHelper) -> None:
    """The closing message is among the work's errors."""
    work_id = helper.api.work.initiate_work(helper.connector_id, "day")
    helper.api.work.to_processed(work_id, "1 failed", in_error=True)
    (work,) = platform.works.of(helper.connector_id)
    assert work.plain()["errors"] == ["1 failed"]
    assert work.status == "complete"


def test_a_deleted_work_is_gone(platform: OpenCTI, helper: OpenCTIConnectorHelper) -> None:
    """Reports on a deleted work are ignored, as on the platform."""
    work_id = helper.api.work.initiate_work(helper.connector_id, "day")
    helper.api.work.delete_work(work_id)
    helper.api.work.add_expectations(work_id, 1)
    helper.api.work.to_processed(work_id, "done")
    assert helper.api.work.get_work(work_id) is None
    assert platform.works.of() == []


def test_the_api_protocol_ends_in_the_same_queue(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """A bundle sent by the API is split and announced by the platform, then imported."""
    helper = connect(platform, queue_protocol="api")
    objects = samples.everything()
    work_id = helper.api.work.initiate_work(helper.connector_id, "pushed")
    push(helper, objects, work_id)
    assert platform.count("StixBundlePush") == 1
    assert platform.count("addExpectations") == 0
    with Workers(platform, rabbitmq, helper.connector_id, number=2) as workers:
        workers.wait_idle()
    work = platform.works.wait_complete(work_id)
    assert (work.expected, work.processed) == (len(objects), len(objects))
    assert platform.store.oddities.dropped == []


def test_without_a_broker_pushed_bundles_lie_in_memory(connect: Connect) -> None:
    """Without RabbitMQ, messages wait in memory, where tests can read them."""
    queues = LocalQueues()
    with OpenCTI(queues) as platform:
        helper = connect(platform, queue_protocol="api")
        push(helper, [samples.author()], None)
        (body,) = queues.messages[helper.connector_id]
        details = helper.api.connector.read(helper.connector_id)["connector_queue_details"]
        assert details == {"messages_number": 1, "messages_size": len(body)}
        content = json.loads(base64.b64decode(json.loads(body)["content"]))
        assert [one["id"] for one in content["objects"]] == [samples.AUTHOR]
        platform.reset(helper.connector_id)
        assert not queues.messages[helper.connector_id]


def test_faults_are_what_pycti_sees(platform: OpenCTI, helper: OpenCTIConnectorHelper) -> None:
    """Each fault hits once, only its operation, and is the error that pycti makes of it."""
    work = helper.api.work
    platform.inject(
        Fault(502, "workAdd"),
        Fault(PlatformError("LOCK_ERROR", "busy"), "workAdd"),
        Fault("cut", "workAdd"),
    )
    with pytest.raises(ValueError, match="Bad Gateway"):
        work.initiate_work(helper.connector_id, "1")
    with pytest.raises(ValueError, match="LOCK_ERROR"):
        work.initiate_work(helper.connector_id, "2")
    with pytest.raises(requests.ConnectionError):
        work.initiate_work(helper.connector_id, "3")
    assert platform.works.of() == []
    assert work.initiate_work(helper.connector_id, "4")


def test_a_lost_answer_has_taken_effect(platform: OpenCTI, helper: OpenCTIConnectorHelper) -> None:
    """A request whose answer is lost has been carried out."""
    platform.inject(Fault("cut", "workAdd", done=True))
    with pytest.raises(requests.ConnectionError):
        helper.api.work.initiate_work(helper.connector_id, "lost")
    assert [work.name for work in platform.works.of()] == ["lost"]


def test_a_hanging_request_ends_with_the_client_or_the_release(platform: OpenCTI) -> None:
    """A request that hangs ends by the client's time-out or the stand-in's `release`."""
    platform.inject(Fault("hang", "hangs", times=2))
    # pycti waits 300 seconds, the older one without a way to change that.
    ask = {
        "url": f"{platform.url}/graphql",
        "json": {"query": "query hangs { about { version } }"},
        "headers": {"Authorization": f"Bearer {platform.token}"},
    }
    with pytest.raises(requests.Timeout):
        requests.post(**ask, timeout=0.3)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(requests.post, **ask, timeout=60)
        while platform.count("hangs") < 2:
            time.sleep(0.02)
        platform.release()
        assert isinstance(waiting.exception(60), requests.ConnectionError)
    assert requests.post(**ask, timeout=60).json()["data"]["about"]


def test_a_stopped_platform_refuses_and_keeps_everything(
    platform: OpenCTI, helper: OpenCTIConnectorHelper
) -> None:
    """A stopped platform refuses connections, open ones too; started again, it has everything."""
    helper.set_state({"version": 1})
    ping(helper)
    work_id = helper.api.work.initiate_work(helper.connector_id, "day")
    platform.stop()
    with pytest.raises(requests.ConnectionError):
        ping(helper)
    platform.start()
    assert platform.state(helper.connector_id) == {"version": 1}
    assert helper.api.work.get_work(work_id)["name"] == "day"
    ping(helper)


def test_a_platform_without_its_broker_answers_with_an_error(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """Without RabbitMQ, which has the queues, registration fails and can be retried."""
    rabbitmq.stop()
    with pytest.raises(ValueError, match="RabbitMQ is not available"):
        connect(platform)
    rabbitmq.start()
    assert connect(platform).get_state() is None


def test_an_unknown_field_is_an_error_that_tests_see(platform: OpenCTI) -> None:
    """A query that the stand-in cannot answer fails, and is recorded."""
    api = OpenCTIApiClient(platform.url, platform.token, log_level="critical")
    with pytest.raises(ValueError, match="Cannot query field"):
        api.query("query Sectors { sectors { edges { node { id } } } }")
    assert platform.unknown == ['Cannot query field "sectors"']
    platform.unknown.clear()
