"""The state in OpenCTI: read, written, and noticed to be gone."""

from __future__ import annotations

import json
from typing import Any

from shadowserver_connector.errors import ShadowserverConnectorError
from shadowserver_connector.sink.platform import OPENCTI, ask
from shadowserver_connector.sink.waiting import Waiter
from shadowserver_connector.state.model import State
from shadowserver_connector.state.storage import dump, load


class StateResetError(ShadowserverConnectorError):
    """Someone reset the connector's state in OpenCTI: what was known no longer holds."""


class Memory:
    """The connector's state as OpenCTI keeps it.

    OpenCTI answers a ping with the state that it was sent; only the first ping after a reset is
    answered with another one, and does not store what it brought. So a write is a ping whose
    answer is compared. pycti's ``force_ping`` is of no use here: met with a reset, it pings once
    more and so writes the old state back. pycti's own ping thread may meet the reset first; it
    then empties the state that the helper holds, which is looked at, too.
    """

    def __init__(self, helper: Any, waiter: Waiter) -> None:
        self._helper = helper
        self._waiter = waiter
        self._held: dict[str, Any] | None = helper.get_state()

    def was_reset(self) -> bool:
        """Tell whether pycti's ping thread has met a reset since the last read or write.

        Contacts nothing: that thread pings every 40 seconds.
        """
        return bool(self._helper.get_state() != self._held)

    def held(self) -> State:
        """Return the state as it was last read or written; contacts nothing."""
        return load(self._held)

    def read(self) -> State:
        """Return the state, once OpenCTI has confirmed or replaced it."""
        held = self._helper.get_state()
        stored = self._ping(held)
        if stored != held:
            self._helper.set_state(stored)
        self._held = stored
        return load(stored)

    def write(self, state: State) -> None:
        """Store a state. Raises StateResetError, with nothing written, when OpenCTI's is gone."""
        if self.was_reset():
            raise StateResetError("the state was reset in OpenCTI")
        new = dump(state)
        self._helper.set_state(new)
        stored = self._ping(new)
        if stored != new:
            self._helper.set_state(stored)
        if self._helper.get_state() != new:
            raise StateResetError("the state was reset in OpenCTI")
        self._held = new

    def _ping(self, state: dict[str, Any] | None) -> dict[str, Any] | None:
        """Send a state and return what OpenCTI then holds; ``None`` for nothing."""
        helper = self._helper

        def call() -> Any:
            info = helper.connector_info.all_details
            return helper.api.connector.ping(helper.connector_id, state, info)

        answer = self._waiter.until(OPENCTI, lambda: ask(call))
        stored = json.loads(answer["connector_state"] or "null")
        return stored if isinstance(stored, dict) and stored else None
