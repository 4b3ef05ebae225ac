"""The platform's errors."""

from __future__ import annotations

from typing import Any


class PlatformError(Exception):
    """A GraphQL error in the platform's shape: a name for programs, a message for people."""

    def __init__(self, name: str, message: str, *, http_status: int = 200, **data: Any) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.http_status = http_status
        self.data = data
        self.others: list[PlatformError] = []
        """What else is wrong, as GraphQL's own check finds everything."""

    def answer(self) -> dict[str, Any]:
        """Return the body of the answer: pycti 6 reads `name` and `data` at the top, 7 both."""
        return {"errors": [each.told() for each in (self, *self.others)], "data": None}

    def told(self) -> dict[str, Any]:
        """Return the error's entry in an answer's list of errors."""
        return {
            "message": self.message,
            "name": self.name,
            "data": self.data,
            "extensions": {"code": self.name, "data": self.data},
        }


def functional(message: str, **data: Any) -> PlatformError:
    """Return the error for input that the platform refuses for good."""
    return PlatformError("FUNCTIONAL_ERROR", message, **data)


def bad_input(message: str) -> PlatformError:
    """Return the error of GraphQL's own type check, which comes as HTTP 400."""
    return PlatformError("BAD_USER_INPUT", message, http_status=400)


def missing_reference(ids: list[str]) -> PlatformError:
    """Return the error for references to objects that the platform does not have."""
    return PlatformError(
        "MISSING_REFERENCE_ERROR",
        "Element(s) not found",
        unresolvedIds=ids,
        doc_code="ELEMENT_NOT_FOUND",
    )
