"""Tags, which become labels."""

from __future__ import annotations

import re
from typing import Final

from shadowserver_connector.mapping.values.characters import one_line
from shadowserver_connector.mapping.values.null import is_null

MAX_LENGTH: Final = 128
"""OpenCTI cannot filter by labels of more than 512 characters; no tag is half as long as this."""

MAX_NUMBER: Final = 50
"""Each new label is a read and a write for OpenCTI: a cell full of rubbish must not make many."""

_SEPARATORS: Final = re.compile(r"[;,]")


def split_tags(text: str) -> tuple[str, ...]:
    """Return the labels in a cell, separated by `;` or `,`, each once, in their order.

    What is null or too long is left out, and so is what comes after `MAX_NUMBER` labels.
    """
    labels: dict[str, None] = {}
    for part in _SEPARATORS.split(text):
        try:
            labels[parse_label(part)] = None
        except ValueError:
            continue
        if len(labels) == MAX_NUMBER:
            break
    return tuple(labels)


def tags_left_out(text: str) -> int:
    """Return how many tags of a cell do not become labels since there are too many."""
    if text.count(";") + text.count(",") < MAX_NUMBER:
        return 0
    tags = {part.strip().lower() for part in _SEPARATORS.split(text)}
    return max(0, len(tags - {""}) - MAX_NUMBER)


def parse_label(text: str) -> str:
    """Return a label in lower case, on one line, without characters that are not seen."""
    # Lower-casing comes first: it can bring forth characters of its own.
    label = one_line(text.lower())
    if is_null(label):
        raise ValueError("an empty label")
    if len(label) > MAX_LENGTH:
        raise ValueError(f"a label of more than {MAX_LENGTH} characters")
    return label
