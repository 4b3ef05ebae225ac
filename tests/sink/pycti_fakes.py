"""Stand-ins for the helpers of a new and an old pycti, which record what they are given."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class FakeLog:
    """Records log lines as (level, message, meta)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def debug(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Record a line."""
        self.lines.append(("debug", message, meta or {}))

    def info(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Record a line."""
        self.lines.append(("info", message, meta or {}))

    def warning(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Record a line."""
        self.lines.append(("warning", message, meta or {}))

    def error(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Record a line."""
        self.lines.append(("error", message, meta or {}))

    def messages(self, level: str) -> list[str]:
        """Return the messages of a level."""
        return [message for each, message, _ in self.lines if each == level]

    def text(self) -> str:
        """Return everything that was logged."""
        return json.dumps(self.lines, default=str)


class FakeWorks:
    """pycti's ``api.work`` over a dict of works."""

    def __init__(self) -> None:
        self.works: dict[str, dict[str, Any]] = {}
        self.failures: list[BaseException] = []

    def initiate_work(
        self, connector_id: str, friendly_name: str, is_multipart: bool = False
    ) -> str:
        """Open a work."""
        self._fail()
        work_id = f"work-{len(self.works) + 1}"
        self.works[work_id] = {
            "id": work_id,
            "name": friendly_name,
            "multipart": is_multipart,
            "status": "wait",
            "processed_time": None,
            "expected": 0,
            "processed": 0,
        }
        return work_id

    def add_expectations(self, work_id: str, expectations: int) -> bool:
        """Announce objects; ignore a work that is gone."""
        if work_id in self.works:
            self.works[work_id]["expected"] += expectations
        return True

    def to_processed(self, work_id: str, message: str, in_error: bool = False) -> None:
        """Close a work."""
        self._fail()
        self.works[work_id] |= {"processed_time": "now", "message": message, "in_error": in_error}

    def get_work(self, work_id: str) -> dict[str, Any] | None:
        """Return a work as pycti does."""
        self._fail()
        work = self.works.get(work_id)
        if work is None:
            return None
        numbers = {
            "import_expected_number": work["expected"],
            "import_processed_number": work["processed"],
        }
        return {**work, "tracking": numbers}

    def get_connector_works(self, connector_id: str) -> list[dict[str, Any]]:
        """Return all works."""
        self._fail()
        return [self.get_work(work_id) or {} for work_id in self.works]

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class FakeHelper:
    """pycti 7: whole messages and multipart works."""

    connect_id: str = "connector-id"
    connector_id: str = "connector-id"
    connect_queue_threshold: str | int = 500
    connect_validate_before_import: bool = False
    bundle_send_to_queue: bool = True
    bundle_send_to_directory: bool = False
    queue_protocol: str = "amqp"
    queue_sizes: list[int] = field(default_factory=list)
    """Bytes that the queue holds at each look; empty at the end."""
    queue_numbers: list[int] = field(default_factory=list)
    """Messages that the queue holds at each look; none at the end."""
    sending_failures: list[BaseException] = field(default_factory=list)
    messages: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)
    copies: list[dict[str, Any]] = field(default_factory=list)
    stored: str = ""
    """The state that the platform holds, as JSON."""
    was_reset: bool = False
    ping_failures: list[BaseException] = field(default_factory=list)
    query_failures: list[BaseException] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    """Ids of what the platform has."""
    labels: dict[str, set[str]] = field(default_factory=dict)
    """By id: all labels that it was sent."""
    scores: dict[str, int] = field(default_factory=dict)
    """By id: the score that it was sent last."""
    lookups: list[list[str]] = field(default_factory=list)
    """Ids of which the platform was asked whether it has them, by call."""
    pings: int = 0
    shown: dict[str, Any] = field(default_factory=dict)
    """What the last ping told of the connector, as the platform shows it."""

    def __post_init__(self) -> None:
        self.connector_info = SimpleNamespace(
            buffering=False, queue_threshold=0.0, queue_messages_size=0.0, all_details={},
            run_and_terminate=False, last_run_datetime=None, next_run_datetime=None,
        )  # fmt: skip
        self.connector_state: str | None = self.stored
        self.connector_logger = FakeLog()
        self.api = SimpleNamespace(
            work=FakeWorks(),
            query=self._query,
            connector=SimpleNamespace(read=self._read, ping=self._ping),
            stix_cyber_observable=SimpleNamespace(create=self._create),
        )

    def send_stix2_bundle(self, bundle: str, **kwargs: Any) -> list[str]:
        """Queue a bundle, whole or object by object; announce the messages."""
        no_split = kwargs.get("no_split", False)
        return self.queue(bundle, no_split, 1 if no_split else None, **kwargs)

    def queue(
        self, bundle: str, whole: bool, announced: int | None = None, **kwargs: Any
    ) -> list[str]:
        """Queue a bundle; announce this many objects, by default all."""
        stix = json.loads(bundle)
        if not stix["objects"]:
            raise ValueError("Nothing to import")
        if self.bundle_send_to_directory and kwargs.get("send_to_directory", True):
            self.copies.append(stix)
        parts = [stix] if whole else [{**stix, "objects": [each]} for each in stix["objects"]]
        if not (self.bundle_send_to_queue and kwargs.get("send_to_queue", True)):
            return [json.dumps(part) for part in parts]
        work_id = kwargs.get("work_id")
        if self.queue_protocol == "amqp" and work_id:
            self.api.work.add_expectations(work_id, announced or len(stix["objects"]))
        if self.sending_failures:
            raise self.sending_failures.pop(0)
        self.messages.extend((work_id, part) for part in parts)
        for each in stix["objects"]:
            self._keep(each)
        return [json.dumps(part) for part in parts]

    def _keep(self, stix: Mapping[str, Any]) -> None:
        self.labels.setdefault(stix["id"], set()).update(stix.get("x_opencti_labels", ()))
        if "x_opencti_score" in stix:
            self.scores[stix["id"]] = stix["x_opencti_score"]

    def _tagging(self, stix_id: str) -> dict[str, Any]:
        """Return the labels and score that the platform has of an observable."""
        labels = [{"value": label.lower()} for label in self.labels.get(stix_id, ())]
        return {"objectLabel": labels, "x_opencti_score": self.scores.get(stix_id)}

    def get_state(self) -> dict[str, Any] | None:
        """Return the state that the helper holds."""
        try:
            state = json.loads(self.connector_state or "null")
        except (ValueError, RecursionError):
            # pycti catches whatever there is.
            return None
        return state if isinstance(state, dict) and state else None

    def set_state(self, state: dict[str, Any] | None) -> None:
        """Hold a state until the next ping."""
        self.connector_state = json.dumps(state) if isinstance(state, dict) else None

    def last_run_datetime(self) -> None:
        """Record the time."""
        self.connector_info.last_run_datetime = "2024-03-10T08:00:00Z"

    def next_run_datetime(self, duration_period_in_seconds: float) -> None:
        """Record the time."""

    def reset(self) -> None:
        """Do what the platform's reset button does."""
        self.stored, self.was_reset = "", True

    def _ping(
        self, connector_id: str, connector_state: Any, connector_info: dict[str, Any]
    ) -> dict[str, Any]:
        self.pings += 1
        if self.ping_failures:
            raise self.ping_failures.pop(0)
        self.shown = dict(vars(self.connector_info))
        if self.was_reset:
            self.was_reset = False
        else:
            self.stored = json.dumps(connector_state)
        return {"connector_state": self.stored}

    def import_all(self, work_id: str) -> None:
        """Import what is queued, as OpenCTI's workers do."""
        work = self.api.work.works[work_id]
        work["processed"] = work["expected"]
        self.held.update(each["id"] for _, stix in self.messages for each in stix["objects"])

    def sent_ids(self) -> Counter[str]:
        """Return how often each object was sent."""
        return Counter(each["id"] for _, stix in self.messages for each in stix["objects"])

    def _query(self, query: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        if self.query_failures:
            raise self.query_failures.pop(0)
        if "stixObjectOrStixRelationships" in query:
            return self._look_up(variables["filters"]["filters"][0]["values"])
        if variables["id"] not in self.api.work.works:
            raise ValueError({"name": "WORK_NOT_ALIVE", "error_message": "no work"})
        self.api.work.works[variables["id"]]["expected"] += variables["expectations"]
        return None

    def _look_up(self, ids: list[str]) -> dict[str, Any]:
        self.lookups.append(ids)
        edges = [{"node": _node(each) | self._tagging(each)} for each in ids if each in self.held]
        return {"data": {"stixObjectOrStixRelationships": {"edges": edges}}}

    def _read(self, connector_id: str) -> dict[str, Any]:
        size = self.queue_sizes.pop(0) if self.queue_sizes else 0
        number = self.queue_numbers.pop(0) if self.queue_numbers else 0
        return {"connector_queue_details": {"messages_number": number, "messages_size": size}}

    def _create(self, **kwargs: Any) -> dict[str, Any]:
        return {"types": ("SSH-Key",), "networkSrc": None, "networkDst": None}


def _node(sent: str) -> dict[str, Any]:
    """Return an object as the platform returns it; Network-Traffic has another id there."""
    if sent.startswith("network-traffic--"):
        other = "network-traffic--00000000-0000-5000-8000-00000000000f"
        return {"standard_id": other, "x_opencti_stix_ids": [sent]}
    return {"standard_id": sent, "x_opencti_stix_ids": []}


class OldWorks(FakeWorks):
    """pycti 6.2: no multipart works."""

    def initiate_work(self, connector_id: str, friendly_name: str) -> str:  # type: ignore[override]
        """Open a work."""
        return super().initiate_work(connector_id, friendly_name)


class OldHelper(FakeHelper):
    """pycti between 6.2 and 7: splits every bundle itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.api.work = OldWorks()
        self.api.stix_cyber_observable.create = self._create_less

    def send_stix2_bundle(self, bundle: str, **kwargs: Any) -> list[str]:
        """Queue a bundle object by object."""
        return self.queue(bundle, False, **kwargs)

    def _create_less(self, **kwargs: Any) -> dict[str, Any]:
        return {}


class OldestHelper(OldHelper):
    """pycti 6.2: whole messages by another keyword, announced one object at a time."""

    def send_stix2_bundle(self, bundle: str, **kwargs: Any) -> list[str]:
        """Queue a bundle, whole or object by object."""
        return self.queue(bundle, kwargs.get("bypass_split", False), **kwargs)
