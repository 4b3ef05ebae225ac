"""What the sections of the settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Immutable, strict about names, and silent about the values that it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
