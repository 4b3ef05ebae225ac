"""The objects that the platform keeps, and what it does when one is sent again."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from tests.platform import refusals, standard_ids
from tests.platform.errors import functional, missing_reference
from tests.platform.things import FULL_CONFIDENCE, Oddities, Thing, add, attach
from tests.platform.vocabularies import BUILT_IN, category_of

# Missing references are refused at the retries 0, 1 and 2, then accepted without them.
_REFUSED_RETRIES = 2
_ONE = {"createdBy": "created_by", "networkSrc": "src", "networkDst": "dst"}
_MANY = {
    "objectMarking": "markings",
    "objectLabel": "labels",
    "externalReferences": "external_references",
    "objects": "objects",
    "killChainPhases": "kill_chain_phases",
    "objectOrganization": "organizations",
}
_CONTROL = {
    "stix_id", "x_opencti_stix_ids", "update", "files", "filesMarkings", "noTriggerImport",
    "embedded", "createIndicator", "upsertOperations", "confidence", "modified", "type",
    "customFieldValues", "x_opencti_modified_at", "x_opencti_workflow_id",
}  # fmt: skip


class Store:
    """All objects by id, with the platform's upsert. Safe to use from several threads."""

    def __init__(self) -> None:
        self.oddities = Oddities()
        self._things: dict[str, Thing] = {}
        self._by_id: dict[str, str] = {}
        self._lock = threading.RLock()
        for definition, identifier in standard_ids.TLP_IDS.items():
            if identifier not in self._by_id:
                self._keep(Thing(
                    str(uuid.uuid4()), identifier, "Marking-Definition",
                    {"definition_type": "TLP", "definition": definition},
                ))  # fmt: skip
        for category, words in BUILT_IN.items():
            for word in words:
                self.put("Vocabulary", {"name": word, "category": category}, None)

    def find(self, identifier: str) -> Thing | None:
        """Return the object with this id: internal, standard, or an alias."""
        with self._lock:
            internal = self._by_id.get(identifier)
            return None if internal is None else self._things[internal]

    def of_type(self, entity_type: str) -> list[Thing]:
        """Return all objects of a type."""
        with self._lock:
            return [thing for thing in self._things.values() if thing.entity_type == entity_type]

    def count(self) -> int:
        """Return how many objects there are, without the platform's own vocabularies."""
        with self._lock:
            return sum(thing.entity_type != "Vocabulary" for thing in self._things.values())

    def put(self, entity_type: str, given: Mapping[str, Any], retry: int | None) -> Thing:
        """Create the object or add to it. Raises PlatformError when it is refused.

        `given` is the input of the create mutation; `retry` the number of the importer's attempt.
        """
        with self._lock:
            attributes = self._attributes(entity_type, given)
            self._check(entity_type, given, attributes)
            one, many = self._references(entity_type, given, retry)
            identifier = self._identify(entity_type, given, attributes, many)
            return self._upsert(entity_type, identifier, given, attributes, one, many)

    def relate(self, given: Mapping[str, Any], retry: int | None) -> Thing:
        """Create the relationship or add to it. Both ends must be there, at every attempt."""
        with self._lock:
            source, target = self._ends(given)
            kind = given["relationship_type"]
            try:
                refusals.check_relationship(
                    kind,
                    (source.standard_id, source.entity_type),
                    (target.standard_id, target.entity_type),
                )
            except Exception as reason:
                self._note_refusal("relationship", given, reason)
                raise
            one, many = self._references("relationship", given, retry)
            one |= {"source": source.internal_id, "target": target.internal_id}
            attributes = self._attributes("relationship", given)
            attributes = {
                key: value for key, value in attributes.items() if key not in ("fromId", "toId")
            }
            identifier = standard_ids.relationship_id(kind, source.standard_id, target.standard_id)
            self._compare("relationship", given.get("stix_id"), identifier)
            return self._upsert("relationship", identifier, given, attributes, one, many)

    def link(self, given: Mapping[str, Any]) -> Thing:
        """Set a reference of its own call, as pycti 6.2 sends those of Network-Traffic.

        Such a reference has one value: a second time is an error, also with the same value.
        """
        with self._lock:
            thing, target = self._ends(given)
            name = given["relationship_type"]
            if name in thing.one:
                raise functional(f"{name} of {thing.entity_type} has a value already")
            thing.one[name] = target.internal_id
            return thing

    def attach(self, identifier: str, name: str, content: bytes, mime: str) -> Thing:
        """Attach a file to an object; the same name again replaces it."""
        with self._lock:
            thing = self.find(identifier)
            if thing is None:
                raise functional("Cant find element to attach a file to", id=identifier)
            attach(thing, name, content, mime)
            return thing

    def delete(self, identifier: str) -> None:
        """Delete an object as a person does, with its relationships; others lose it silently."""
        with self._lock:
            gone = self._things.pop(self._by_id[identifier])
            for known in [each for each, it in self._by_id.items() if it == gone.internal_id]:
                del self._by_id[known]
            for thing in list(self._things.values()):
                ends = {thing.one.get("source"), thing.one.get("target")}
                if gone.internal_id in ends:
                    self.delete(thing.internal_id)
                    continue
                thing.one = {k: v for k, v in thing.one.items() if v != gone.internal_id}
                for internals in thing.many.values():
                    internals.discard(gone.internal_id)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return every object but the vocabularies by standard id, as plain data."""
        with self._lock:
            return {
                thing.standard_id: self._plain(thing)
                for thing in sorted(self._things.values(), key=lambda thing: thing.standard_id)
                if thing.entity_type != "Vocabulary"
            }

    def _ends(self, given: Mapping[str, Any]) -> tuple[Thing, Thing]:
        source, target = self.find(given["fromId"]), self.find(given["toId"])
        if source is None or target is None:
            ends = {given["fromId"]: source, given["toId"]: target}
            raise missing_reference([identifier for identifier, end in ends.items() if not end])
        return source, target

    def _attributes(self, entity_type: str, given: Mapping[str, Any]) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        for key, value in given.items():
            if key in _CONTROL or key in _ONE or key in _MANY or value is None or value == []:
                continue
            category = category_of(entity_type, key)
            if key == "hashes":
                attributes[key] = {item["algorithm"]: item["hash"] for item in value}
            elif category is None:
                attributes[key] = value
            elif words := self._known_words(entity_type, key, category, value):
                attributes[key] = words
        if entity_type == "Report":
            attributes["created"] = attributes.get("published")
        if entity_type in ("Note", "Case-Incident") and "created" not in attributes:
            # The platform takes the moment of the import: a new object each time.
            attributes["created"] = f"now-{uuid.uuid4()}"
        return attributes

    def _known_words(self, entity_type: str, key: str, category: str, value: Any) -> Any:
        known = {
            thing.attributes["name"]
            for thing in self.of_type("Vocabulary")
            if thing.attributes["category"] == category
        }
        words = value if isinstance(value, list) else [value]
        for word in words:
            if word not in known:
                self.oddities.emptied.append({"type": entity_type, "field": key, "value": word})
        kept = [word for word in words if word in known]
        return kept if isinstance(value, list) else (kept[0] if kept else None)

    def _check(
        self, entity_type: str, given: Mapping[str, Any], attributes: dict[str, Any]
    ) -> None:
        try:
            refusals.check_object(entity_type, attributes | {"objects": given.get("objects")})
        except Exception as reason:
            self._note_refusal(entity_type, given, reason)
            raise

    def _note_refusal(self, what: str, given: Mapping[str, Any], reason: Exception) -> None:
        self.oddities.refused.append(
            {"type": what, "id": str(given.get("stix_id")), "reason": str(reason)}
        )

    def _references(
        self, entity_type: str, given: Mapping[str, Any], retry: int | None
    ) -> tuple[dict[str, str], dict[str, set[str]]]:
        one: dict[str, str] = {}
        many: dict[str, set[str]] = {}
        absent: list[tuple[str, str]] = []
        for key, name in _ONE.items():
            if identifier := given.get(key):
                if thing := self.find(identifier):
                    one[name] = thing.internal_id
                else:
                    absent.append((name, identifier))
        for key, name in _MANY.items():
            for identifier in given.get(key) or []:
                if thing := self.find(identifier):
                    many.setdefault(name, set()).add(thing.internal_id)
                else:
                    absent.append((name, identifier))
        if absent and retry is not None and retry <= _REFUSED_RETRIES:
            raise missing_reference([identifier for _, identifier in absent])
        for name, identifier in absent:
            self.oddities.dropped.append({
                "object": str(given.get("stix_id")),
                "type": entity_type,
                "reference": name,
                "missing": identifier,
            })  # fmt: skip
        return one, many

    def _identify(
        self,
        entity_type: str,
        given: Mapping[str, Any],
        attributes: dict[str, Any],
        many: dict[str, set[str]],
    ) -> str:
        sent = given.get("stix_id")
        if entity_type == "Network-Traffic":
            return standard_ids.network_traffic(str(sent))
        if entity_type == "Note" and sent and (note := self.find(sent)):
            # The first time that it was sent stays.
            attributes["created"] = note.attributes["created"]
        objects = [self._things[internal].standard_id for internal in many.get("objects", ())]
        identifier = standard_ids.standard_id(entity_type, attributes | {"objects": objects})
        self._compare(entity_type, sent, identifier)
        return identifier

    def _compare(self, entity_type: str, sent: str | None, identifier: str) -> None:
        if sent is None or sent == identifier:
            return
        if entity_type != "Note":
            # A Note has an id of ours, under which it is found whatever its text.
            told = {"type": entity_type, "sent": sent, "standard": identifier}
            self.oddities.rewritten.append(told)
        other = self.find(sent)
        known = self.find(identifier)
        if other and known and other is not known:
            self.oddities.merged.append({"type": entity_type, "sent": sent, "standard": identifier})

    def _upsert(
        self,
        entity_type: str,
        identifier: str,
        given: Mapping[str, Any],
        attributes: dict[str, Any],
        one: dict[str, str],
        many: dict[str, set[str]],
    ) -> Thing:
        sent = given.get("stix_id")
        confidence = given.get("confidence")
        confidence = FULL_CONFIDENCE if confidence is None else confidence
        thing = self.find(identifier) or (self.find(sent) if sent else None)
        if thing is None:
            thing = Thing(
                str(uuid.uuid4()), identifier, entity_type, attributes, one, many,
                confidence=confidence,
            )  # fmt: skip
            self._keep(thing)
        else:
            add(thing, attributes, one, many, confidence)
            if entity_type == "Note" and thing.standard_id != identifier:
                # What it is computed from has changed.
                thing.standard_id = identifier
                self._by_id[identifier] = thing.internal_id
        if sent and sent != thing.standard_id:
            thing.aliases.add(sent)
            self._by_id[sent] = thing.internal_id
        for file in given.get("files") or []:
            attach(thing, file["name"], file["content"], file["mime"])
        return thing

    def _keep(self, thing: Thing) -> None:
        self._things[thing.internal_id] = thing
        self._by_id[thing.internal_id] = thing.internal_id
        self._by_id[thing.standard_id] = thing.internal_id

    def _plain(self, thing: Thing) -> dict[str, Any]:
        return {
            "type": thing.entity_type,
            "attributes": dict(sorted(thing.attributes.items())),
            "confidence": thing.confidence,
            "aliases": sorted(thing.aliases),
            "files": dict(sorted(thing.files.items())),
            **{name: self._name(internal) for name, internal in sorted(thing.one.items())},
            **{name: self._names(internals) for name, internals in sorted(thing.many.items())},
        }

    def _name(self, internal: str) -> str:
        thing = self._things[internal]
        if thing.entity_type == "Label":
            return str(thing.attributes["value"])
        return thing.standard_id

    def _names(self, internals: Iterable[str]) -> list[str]:
        return sorted(self._name(internal) for internal in internals)
