"""The OpenCTI sink: a report day's chunks, delivered in one work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shadowserver_connector.bundle.chunk import Chunk, LabelsAndScore
from shadowserver_connector.errors import SinkUnavailableError, SkippableError
from shadowserver_connector.sink import works
from shadowserver_connector.sink.artifact import artifact_to_upload, upload, without_artifact
from shadowserver_connector.sink.delivered import SentObjects, existing_objects
from shadowserver_connector.sink.platform import (
    Abilities,
    await_import,
    await_room,
    describe_platform_error,
    is_too_large,
    to_sink_error,
)
from shadowserver_connector.sink.works import WorkDeletedError, release_work
from shadowserver_connector.waiting import COPIES, OPENCTI, QUEUE, Waiter

_MAX_MISSING: Final = 100_000
"""Ids of missing observables that a work remembers, about 13 MB."""


class Delivery:
    """A batch of reports on its way into OpenCTI, shown there as one work.

    The work is opened by the first chunk. `send` returns when the broker has confirmed the
    chunk; until OpenCTI and its queue can be reached and have room it waits. Every method
    raises Stopping when the process is asked to stop.
    """

    def __init__(self, helper: Any, abilities: Abilities, waiter: Waiter, name: str) -> None:
        """Prepare a delivery; ``name`` is what the work is called. Nothing is sent yet."""
        self._helper = helper
        self._abilities = abilities
        self._waiter = waiter
        self._name = name
        self._work_id: str | None = None
        self._sent = SentObjects()
        self._missing: set[str] = set()
        """Ids of observables that OpenCTI did not have when this work asked: new, or deleted."""
        self._announced = 0
        self._in_doubt = False
        self._messages = 0
        self._is_caught_up: bool | None = None
        """Whether earlier works were imported when this one needed them; ``None`` until then."""
        self.is_open = False
        self.sent_by_type: Counter[str] = Counter()
        """Objects sent so far, by STIX type; the copy in each chunk counts."""

    @property
    def objects(self) -> int:
        """Number of objects sent so far."""
        return self.sent_by_type.total()

    def send(self, chunk: Chunk, original: Path) -> None:
        """Deliver a chunk of the report whose file is ``original``.

        Raises SkippableError when OpenCTI will not take it at all: too large a message, or the
        work was deleted by a person.
        """
        # A stop is noticed between two chunks, even if nothing is waited for.
        self._waiter.pause(0)
        await_room(self._helper, self._waiter)
        self.open()
        try:
            if chunk.artifact() is None:
                self._send(chunk, original)
            else:
                self._send_with_file(chunk, original)
        except WorkDeletedError:
            self._forget_work()
            raise

    def open(self) -> None:
        if self.is_open:
            return
        self._work_id = self._waiter.until(
            OPENCTI, lambda: works.open_work(self._helper, self._abilities, self._name)
        )
        self.is_open = True

    def close(self, message: str, *, in_error: bool) -> None:
        """Close the work with a message, if one was opened."""
        if self._work_id is not None:
            self._waiter.until(OPENCTI, lambda: self._close(message, in_error=in_error))
        self._forget_work()

    def close_at_once(self, message: str) -> None:
        """Close the work with one attempt, on the way out.

        Raises SinkUnavailableError, VersionError.
        """
        # The id is taken first, because the thread that sends may be about to close the work too.
        work_id, self._work_id = self._work_id, None
        if work_id is not None:
            works.close_work(self._helper, work_id, message, in_error=False)

    def _close(self, message: str, *, in_error: bool) -> None:
        if self._work_id is None:
            return
        try:
            self._balance()
        except WorkDeletedError:
            return
        works.close_work(self._helper, self._work_id, message, in_error=in_error)

    def _forget_work(self) -> None:
        work_id, self._work_id = self._work_id, None
        if work_id is not None:
            release_work(self._helper.connect_id, work_id)
        self.is_open = False
        self._sent.clear()
        self._missing.clear()
        self._announced = 0
        self._in_doubt = False

    def _send_with_file(self, chunk: Chunk, original: Path) -> None:
        try:
            artifact = artifact_to_upload(chunk)
            if artifact is not None and self._helper.bundle_send_to_queue:
                if self._helper.connect_validate_before_import:
                    raise SkippableError(
                        "an upload would not wait for the validation that is asked for"
                    )
                upload(self._helper, self._waiter, artifact, original)
            self._send(chunk, original)
        except WorkDeletedError:
            raise
        except (SkippableError, SinkUnavailableError) as error:
            # The Report names the file with its size and hashes all the same.
            self._waiter.log.warning(
                "The original file is not attached", {"file": original.name, "reason": str(error)}
            )
            self._send(without_artifact(chunk), original)

    def _send(self, chunk: Chunk, original: Path) -> None:
        leave_out = self._unneeded(chunk)
        if len(leave_out) == len(chunk.objects):
            # The same file came twice in a work, and pycti accepts no bundle without objects.
            return
        kwargs = {}
        if self._has_copies():
            # On its own, so that pycti writes its copy once, however often the queue is tried.
            # Nothing is left out of it: whoever imports it elsewhere may have nothing else.
            self._publish(chunk.bundle().decode(), original, send_to_queue=False)
            kwargs = {"send_to_directory": False, "send_to_s3": False}
        messages = self._publish(chunk.bundle(leave_out).decode(), original, **kwargs)
        count = len(chunk.objects) - len(leave_out)
        self._count(messages, count)
        self._sent.add(chunk.objects)
        self.sent_by_type.update(chunk.types(leave_out))

    def _has_copies(self) -> bool:
        helper = self._helper
        copied = helper.bundle_send_to_directory or getattr(helper, "bundle_send_to_s3", False)
        # pycti does not copy bundles that wait for validation; each must be handed over only once.
        validated = helper.connect_validate_before_import
        return bool(copied and helper.bundle_send_to_queue and not validated)

    def _unneeded(self, chunk: Chunk) -> frozenset[str]:
        """Return what need not be sent; raises WorkDeletedError."""
        work_id = self._work_id
        if work_id is None:
            return frozenset()
        if self._messages > 0:
            # Called for its error: without multipart works, only this call reports a deleted work.
            self._waiter.until(OPENCTI, lambda: works.expected_objects(self._helper, work_id))
        if self._helper.connect_validate_before_import:
            # A person may reject a bundle and approve the next one.
            return frozenset()
        delivered = self._sent.already_delivered(chunk.objects, self._existing)
        determined = chunk.determined_by_id()
        if self._is_caught_up is None and not chunk.already_sent <= determined:
            self._is_caught_up = await_import(self._helper, self._waiter)
        if self._is_caught_up is False:
            # Objects that wait in the queue arrive before this message, but look like deleted ones.
            delivered = delivered.union(chunk.already_sent)
        tagged, described = chunk.determined_by_labels(), chunk.described()
        asked = sorted(chunk.already_sent.union(determined, tagged, described) - delivered)
        if not asked:
            return delivered
        existing = self._existing(asked)
        # A missing object is new or was deleted. If deleted, objects that refer to it may recur,
        # and are sent again. Nothing refers to a relationship, and new findings have many.
        shared = [each for each in determined if not each.startswith("relationship--")]
        sought = chunk.already_sent.union(tagged, shared, described)
        missing = sought.difference(delivered, existing)
        # The addresses of new and changed findings are mostly known, with the same labels and
        # score. What was missing and is there now has the labels of an earlier report alone.
        as_here = frozenset(
            each
            for each, has in existing.items()
            if each in determined
            or (
                each not in self._missing
                and each not in described
                and (each not in tagged or tagged[each].is_contained_in(has))
            )
        )
        bereft = chunk.referring(as_here, missing.union(self._missing))
        if len(self._missing) < _MAX_MISSING:
            # Remembered, because OpenCTI may have these when the next report of the work asks.
            self._missing.update(missing)
        return delivered.union(as_here - bereft)

    def _existing(self, ids: Sequence[str]) -> dict[str, LabelsAndScore]:
        return self._waiter.until(OPENCTI, lambda: existing_objects(self._helper, ids))

    def _publish(self, bundle: str, original: Path, **kwargs: bool) -> int:
        """Hand a bundle to pycti, again until it is through; return the number of messages."""
        if self._abilities.whole_messages:
            # Split, its objects would overtake each other in several workers, and lose references.
            kwargs[self._abilities.whole_messages] = True
        self._messages += 1
        queued = kwargs.get("send_to_queue", self._helper.bundle_send_to_queue)
        target = QUEUE if queued else COPIES
        # For bundles that wait for a person's validation: each needs a name of its own.
        file_name = f"{original.stem}-{self._messages}.json"

        def attempt() -> int:
            if self._in_doubt:
                self._balance()
            try:
                with self._waiter.logging_if_slow(target):
                    sent = self._helper.send_stix2_bundle(
                        bundle, work_id=self._work_id, file_name=file_name, **kwargs
                    )
            except WorkDeletedError:
                raise
            except Exception as error:
                self._in_doubt = True
                if isinstance(error, SinkUnavailableError):
                    raise
                if is_too_large(error):
                    raise SkippableError(
                        f"{original.name}: a message of {len(bundle)} bytes is too large for "
                        "OpenCTI's queue; raise max_message_size of its RabbitMQ, or lower "
                        "SHADOWSERVER_CHUNK_BYTES, or for an Artifact "
                        "SHADOWSERVER_ARTIFACT_MAX_SIZE"
                    ) from None
                if not queued:
                    raise SinkUnavailableError(
                        f"no copy: {describe_platform_error(error)}"
                    ) from None
                raise to_sink_error(error) from None
            return len(sent)

        return self._waiter.until(target, attempt)

    def _count(self, messages: int, objects: int) -> None:
        """Make OpenCTI expect as many objects as were sent, where pycti announced the message."""
        work_id = self._work_id
        if work_id is None or messages == 0 or not self._is_counted():
            return
        # For a whole message pycti announces one object, while each of its objects is reported.
        if self._abilities.whole_messages == "no_split" and objects > 1:
            # In two steps: if the second announcement fails, `_balance` must know of the first.
            self._announced += 1
            self._waiter.until(
                OPENCTI, lambda: works.add_expected(self._helper, work_id, objects - 1)
            )
            self._announced += objects - 1
        else:
            self._announced += objects if messages == 1 else messages

    def _is_counted(self) -> bool:
        # With the "api" protocol, OpenCTI's worker splits bundles and announces the parts.
        return getattr(self._helper, "queue_protocol", "amqp") == "amqp"

    def _balance(self) -> None:
        """Make OpenCTI expect what was sent, no more and no less.

        pycti announces before it sends, so after a failed attempt too much is announced. It sends
        even if it cannot announce, so then too little is.
        """
        if self._work_id is not None and self._is_counted():
            expected = works.expected_objects(self._helper, self._work_id)
            missing = self._announced - expected
            # An old platform forgets its count when a work is complete between two messages.
            if missing < 0 or (missing > 0 and self._abilities.multipart_works):
                works.add_expected(self._helper, self._work_id, missing)
        self._in_doubt = False


@dataclass(frozen=True)
class Session:
    """What all deliveries to OpenCTI share, and those that are not over."""

    helper: Any
    """pycti's ``OpenCTIConnectorHelper``."""
    abilities: Abilities
    waiter: Waiter
    under_way: list[Delivery] = field(default_factory=list)
    """Deliveries whose works may be open, for whoever has to close them at the end."""

    def begin(self, name: str) -> Delivery:
        """Return a delivery, and add it to ``under_way``; its work is opened by the first chunk."""
        delivery = Delivery(self.helper, self.abilities, self.waiter, name)
        self.under_way.append(delivery)
        return delivery
