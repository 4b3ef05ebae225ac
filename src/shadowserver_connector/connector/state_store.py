"""The connector's state in OpenCTI: read, written, and found to be reset or damaged."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Final

from shadowserver_connector.connector.importer import NoLedger
from shadowserver_connector.errors import ShadowserverConnectorError, SinkUnavailableError
from shadowserver_connector.logger import Logger
from shadowserver_connector.report.info import ReportInfo, safe_name
from shadowserver_connector.sink.platform import call_platform
from shadowserver_connector.state.serialisation import dump_state, load_state, read_state
from shadowserver_connector.state.state import State, with_done
from shadowserver_connector.temporary import temporary_directory
from shadowserver_connector.waiting import LAST_RUN_PATIENCE, OPENCTI, Waiter

# Ours has three levels; JSON that Python reads may be too deep for it to write.
_DEPTH: Final = 16
DAMAGED: Final = "The state in OpenCTI is damaged; what could not be read is imported again"


class StateResetError(ShadowserverConnectorError):
    """Someone reset the connector's state in OpenCTI: what was known no longer applies."""


class StateStore:
    """The connector's state as OpenCTI stores it.

    OpenCTI answers a ping with the state that it was sent; only the first ping after a reset is
    answered with another one, and does not store what it brought. So a write is a ping whose
    answer is compared. pycti's ``force_ping`` is of no use here: met with a reset, it pings once
    more and so writes the old state back. pycti's own ping thread may meet the reset first; it
    then empties the state that the helper holds, which is looked at, too.
    """

    def __init__(self, helper: Any, waiter: Waiter) -> None:
        self._helper = helper
        self._waiter = waiter
        self._stored = _usable(helper.get_state())
        # pycti treats anything but an object as nothing, and overwrites it with its first ping.
        self._lost = "" if self._stored else _text_of(helper.connector_state)
        if self._lost:
            helper.set_state(None)

    @property
    def is_empty(self) -> bool:
        """Whether OpenCTI had no state when it was last asked: after a reset, or at first.

        Another state can be equal to `State`: that of a connector whose imports are all forgotten.
        """
        return self._stored is None

    def has_noticed_reset(self) -> bool:
        """Tell whether pycti's ping thread has met a reset since the last read or write.

        Contacts nothing: that thread pings every 40 seconds.
        """
        return bool(self._helper.get_state() != self._stored)

    def last_known(self) -> State:
        """Return the state as last read or written; contacts nothing.

        Raises NewerStateError.
        """
        return load_state(self._stored)

    def confirm_and_read(self) -> State:
        """Ping OpenCTI, which confirms or replaces the state, and return it.

        If it is damaged, the readable part; this is logged, and a copy kept. Raises
        NewerStateError; nothing is written then.
        """
        self._synchronise()
        state, problems = read_state(self._stored)
        if self._lost:
            _keep_damaged(self._helper, ("it is not an object",), self._lost, self._waiter.log)
            self._lost = ""
        if problems:
            _keep_damaged(self._helper, problems, json.dumps(self._stored), self._waiter.log)
        return state

    def show_last_run(self) -> None:
        """Have OpenCTI show that a run has ended, before the process ends.

        A run that continues leaves that to pycti's ping thread. An OpenCTI that does not answer is
        asked again for ``LAST_RUN_PATIENCE``.
        """
        self._helper.last_run_datetime()
        try:
            self._synchronise(LAST_RUN_PATIENCE)
        except SinkUnavailableError as error:
            self._waiter.log.warning(
                "OpenCTI could not be told about this run", {"reason": str(error)}
            )

    def _synchronise(self, patience: float = float("inf")) -> None:
        held = self._helper.get_state()
        stored = self._ping(held, patience)
        # Its ping thread would send the old state again.
        if stored != held:
            self._helper.set_state(stored)
        self._stored = stored

    def write(self, state: State) -> None:
        """Store a state. Raises StateResetError, with nothing written, if OpenCTI's is gone."""
        # Once pycti's thread has met the reset, OpenCTI would store what is sent.
        if self.has_noticed_reset():
            raise StateResetError("the state was reset in OpenCTI")
        new = dump_state(state)
        self._helper.set_state(new)
        stored = self._ping(new)
        if stored != new:
            self._helper.set_state(stored)
        # Or pycti's thread has met a reset since the check above.
        if self._helper.get_state() != new:
            raise StateResetError("the state was reset in OpenCTI")
        self._stored = new

    def _ping(
        self, state: dict[str, Any] | None, patience: float = float("inf")
    ) -> dict[str, Any] | None:
        """Send a state and return what OpenCTI has then; ``None`` for nothing."""
        helper = self._helper

        def call() -> Any:
            info = helper.connector_info.all_details
            return helper.api.connector.ping(helper.connector_id, state, info)

        answer = self._waiter.until(OPENCTI, lambda: call_platform(call), patience)
        return _usable(_json(answer["connector_state"]))


class StateLedger(NoLedger):
    """Records imported reports in the state; `save` stores it in OpenCTI.

    Which reports failed is not recorded: that concerns listed days alone (`connector.day_import`).
    """

    def __init__(self, state_store: StateStore, state: State) -> None:
        self.state = state
        """The state with everything that was recorded."""
        self._state_store = state_store
        self._is_saved = True

    def done(self, report: ReportInfo, sha256: str) -> None:
        """Record it under the report's name, so that the API's copy is known, too."""
        self.change(with_done(self.state, report, sha256, ()))

    def change(self, state: State) -> None:
        self.state = state
        self._is_saved = False

    def save(self) -> None:
        """Store what changed. Raises StateResetError, with nothing stored."""
        if not self._is_saved:
            self._state_store.write(self.state)
            self._is_saved = True


def _json(text: Any) -> Any:
    try:
        return json.loads(text or "null")
    except (TypeError, ValueError, RecursionError):
        return None


def _usable(state: Any) -> dict[str, Any] | None:
    """Return a state; ``None`` if it is not an object, or too deep to be sent back to OpenCTI."""
    return state if isinstance(state, dict) and state and not _is_deep(state, _DEPTH) else None


def _is_deep(value: object, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth < 0 or any(_is_deep(each, depth - 1) for each in inner)


def _text_of(raw: Any) -> str:
    """Return a state that pycti does not mistake for one; empty if there is none."""
    text = str(raw or "")
    return "" if text.strip() in ("null", "{}", "[]", '""') else text


def _keep_damaged(helper: Any, problems: tuple[str, ...], text: str, log: Logger) -> None:
    """Log what is wrong with a state, and keep a copy of it: the next write replaces it."""
    # JSON can hold lone surrogates, which UTF-8 refuses.
    content = text.encode("utf-8", "surrogatepass")
    # By content, so that a state that is met again makes no second copy.
    name = f"shadowserver-{helper.connector_id}-{hashlib.sha256(content).hexdigest()[:8]}"
    path = temporary_directory() / safe_name(f"{name}.state.json")
    said = {"unreadable": list(problems), "copy": str(path)}
    try:
        # Whatever stands there under this name, even a link of somebody else, is left alone.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
            copy.write(content)
    except FileExistsError:
        # An earlier run found it and could not replace it.
        pass
    except OSError as error:
        said["copy"] = f"none: {error.strerror}"
    log.error(DAMAGED, said)
