"""The GraphQL fields that the stand-in answers, each with its implementation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.platform.connectors import Connectors
from tests.platform.errors import PlatformError, bad_input, functional
from tests.platform.graphql import Field
from tests.platform.schema import Schema, check_registration
from tests.platform.store import Store
from tests.platform.things import Thing
from tests.platform.vocabularies import categories
from tests.platform.works import Works

# Mutation -> type of the object that it creates.
_CREATES = {
    "attackPatternAdd": "Attack-Pattern",
    "caseIncidentAdd": "Case-Incident",
    "externalReferenceAdd": "External-Reference",
    "indicatorAdd": "Indicator",
    "individualAdd": "Individual",
    "infrastructureAdd": "Infrastructure",
    "killChainPhaseAdd": "Kill-Chain-Phase",
    "labelAdd": "Label",
    "malwareAdd": "Malware",
    "markingDefinitionAdd": "Marking-Definition",
    "noteAdd": "Note",
    "observedDataAdd": "Observed-Data",
    "organizationAdd": "Organization",
    "reportAdd": "Report",
    "systemAdd": "System",
    "vocabularyAdd": "Vocabulary",
    "vulnerabilityAdd": "Vulnerability",
}
# Mutations whose input names the type.
_CREATES_TYPED = {"identityAdd", "locationAdd"}
_OBSERVABLE_COMMON = (
    "stix_id", "x_opencti_score", "x_opencti_description", "createIndicator", "createdBy",
    "objectMarking", "objectLabel", "objectOrganization", "externalReferences",
)  # fmt: skip
_EDITS = {
    "stixCyberObservableEdit", "stixDomainObjectEdit", "externalReferenceEdit", "reportEdit",
    "caseIncidentEdit", "noteEdit",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Platform:
    """What the resolvers work on."""

    version: str
    schema: Schema
    store: Store
    works: Works
    connectors: Connectors


def resolve(platform: Platform, field: Field, retry: int | None) -> Any:
    """Return the value of a top-level field. Raises PlatformError, also for an unknown field."""
    given = field.arguments
    name = field.name
    if entity_type := _CREATES.get(name):
        return _shown(platform.store.put(entity_type, given["input"], retry))
    if name in _CREATES_TYPED:
        return _shown(platform.store.put(given["input"]["type"], given["input"], retry))
    if name in _EDITS:
        return _edit(platform, field)
    if name == "stixCyberObservableAdd":
        return _shown(_observable(platform.store, given, retry))
    if name == "stixCoreRelationshipAdd":
        return _shown(platform.store.relate(given["input"], retry))
    if name == "stixRefRelationshipAdd":
        return _shown(platform.store.link(given["input"]))
    if name == "artifactImport":
        return _shown(_import_artifact(platform.store, given))
    if name == "workEdit":
        return _edit_work(platform.works, field)
    if name == "registerConnector":
        check_registration(platform.schema, field)
    if resolver := _SIMPLE.get(name):
        return resolver(platform, given)
    raise bad_input(f'Cannot query field "{name}"')


def _observable(store: Store, given: Mapping[str, Any], retry: int | None) -> Thing:
    entity_type = given["type"]
    own = given.get(entity_type.replace("-", ""))
    if own is None:
        raise functional(f"Expecting variable {entity_type.replace('-', '')} in the input")
    common = {key: given.get(key) for key in _OBSERVABLE_COMMON}
    return store.put(entity_type, common | own, retry)


def _import_artifact(store: Store, given: Mapping[str, Any]) -> Thing:
    file = given["file"]
    common = {key: given.get(key) for key in _OBSERVABLE_COMMON}
    names = {"x_opencti_additional_names": [file["name"]], "mime_type": file["mime"]}
    hashes = [
        {
            "algorithm": algorithm,
            "hash": hashlib.new(algorithm.replace("-", ""), file["content"]).hexdigest(),
        }
        for algorithm in ("MD5", "SHA-1", "SHA-256", "SHA-512")
    ]
    return store.put("Artifact", common | names | {"hashes": hashes, "files": [file]}, None)


def _edit(platform: Platform, field: Field) -> dict[str, Any]:
    done = {}
    for edit in field.selection:
        if edit.name != "importPush":
            raise bad_input(f'Cannot query field "{edit.name}" on "{field.name}"')
        file = edit.arguments["file"]
        thing = platform.store.attach(
            field.arguments["id"], file["name"], file["content"], file["mime"]
        )
        done[edit.name] = {"id": f"import/{thing.internal_id}/{file['name']}", "name": file["name"]}
    return done


def _edit_work(works: Works, field: Field) -> dict[str, Any]:
    work_id = field.arguments["id"]
    for edit in field.selection:
        given = edit.arguments
        match edit.name:
            case "addExpectations":
                works.expect(work_id, given["expectations"])
            case "reportExpectation":
                works.report(work_id, given["error"])
            case "toReceived":
                works.received(work_id, given["message"])
            case "toProcessed":
                works.close(work_id, given["message"], bool(given["inError"]))
            case "delete":
                works.delete(work_id)
            case "ping":
                pass
            case _:
                raise bad_input(f'Cannot query field "{edit.name}" on "workEdit"')
    return {edit.name: work_id for edit in field.selection}


def _add_work(platform: Platform, given: Mapping[str, Any]) -> dict[str, Any]:
    connector = platform.connectors.get(given["connectorId"])
    multipart = bool(given.get("isMultiPartWork"))
    return platform.works.add(connector.id, given["friendlyName"], multipart).answer()


def _works(platform: Platform, given: Mapping[str, Any]) -> dict[str, Any]:
    connector_id = _wanted(given, "connector_id")
    works = platform.works.of(connector_id)[-given.get("first", 50) :]
    return _edges([work.answer() for work in works])


def _work(platform: Platform, given: Mapping[str, Any]) -> dict[str, Any] | None:
    work = platform.works.get(given["id"])
    return work.answer() if work else None


def _connector(platform: Platform, given: Mapping[str, Any]) -> dict[str, Any]:
    return platform.connectors.answer(platform.connectors.get(given["id"]))


def _found(entity_type: str, key: str) -> Callable[[Platform, Mapping[str, Any]], dict[str, Any]]:
    """Return a resolver for a list that pycti asks by one value, compared without case."""

    def resolver(platform: Platform, given: Mapping[str, Any]) -> dict[str, Any]:
        wanted = _wanted(given, key).strip().lower()
        return _edges([
            _shown(thing)
            for thing in platform.store.of_type(entity_type)
            if thing.attributes[key].strip().lower() == wanted
        ])  # fmt: skip

    return resolver


def _held(platform: Platform, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the objects with one of the ids asked for: internal, standard, or an alias."""
    (only,) = given["filters"]["filters"]
    if only["key"] != "ids" or given["first"] < len(only["values"]):
        raise PlatformError("UNSUPPORTED_ERROR", "only a filter by ids is known here, on one page")
    found = [platform.store.find(each) for each in only["values"]]
    return _edges([
        _shown(thing) | {"objectLabel": _labels(platform, thing)}
        for thing in found
        if thing is not None
    ])  # fmt: skip


def _labels(platform: Platform, thing: Thing) -> list[dict[str, str]]:
    labels = map(platform.store.find, thing.many.get("labels", ()))
    return [{"value": label.attributes["value"]} for label in labels if label is not None]


def _wanted(given: Mapping[str, Any], key: str) -> str:
    for one in given["filters"]["filters"]:
        if one["key"] == key:
            return str(one["values"][0])
    raise PlatformError("UNSUPPORTED_ERROR", f"only a filter by {key} is known here")


def _edges(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "edges": [{"node": node} for node in nodes],
        "pageInfo": {"globalCount": len(nodes), "hasNextPage": False, "hasPreviousPage": False},
    }


def _shown(thing: Thing) -> dict[str, Any]:
    shown = thing.attributes | {
        "id": thing.internal_id,
        "standard_id": thing.standard_id,
        "x_opencti_stix_ids": sorted(thing.aliases),
        "entity_type": thing.entity_type,
        "parent_types": [],
    }
    if thing.entity_type == "Vocabulary":
        shown["category"] = {"key": shown["category"], "fields": []}
    return shown


_SIMPLE: dict[str, Callable[[Platform, Mapping[str, Any]], Any]] = {
    "__type": lambda platform, given: platform.schema.told(given["name"]),
    "about": lambda platform, given: {"version": platform.version},
    "registerConnector": lambda platform, given: platform.connectors.register(given["input"]),
    "deleteConnector": lambda platform, given: platform.connectors.delete(given["id"]),
    "pingConnector": lambda platform, given: platform.connectors.ping(
        given["id"], given["state"], given["connectorInfo"]
    ),
    "connector": _connector,
    "stixBundlePush": lambda platform, given: platform.connectors.push(
        given["connectorId"], given["bundle"], given["work_id"]
    ),
    "workAdd": _add_work,
    "work": _work,
    "works": _works,
    "isWorkAlive": lambda platform, given: platform.works.is_alive(given["id"]),
    "vocabularyCategories": lambda platform, given: categories(),
    "vocabularies": _found("Vocabulary", "name"),
    "labels": _found("Label", "value"),
    "stixObjectOrStixRelationships": _held,
}
