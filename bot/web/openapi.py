"""The OpenAPI 3.1 description of /api/v1, kept beside the code that answers and checked against it by tests."""

from __future__ import annotations

from bot.app import program_version
from bot.views.status import Json
from bot.web.api import DEFAULT_PAGE, MAX_PAGE

_TIME = {"type": "string", "format": "date-time"}
_NULL_TIME = {"type": ["string", "null"], "format": "date-time"}
_TEXT = {"type": "string"}
_NULL_TEXT = {"type": ["string", "null"]}
_TEXTS = {"type": "array", "items": _TEXT}
_CURSOR = {"type": "string", "pattern": "^[0-9]{1,15}$"}


def openapi(base_url: str) -> Json:
    """The document; `base_url` is where this instance is."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "patchwatch",
            "version": program_version(),
            "description": (
                "Kernel patches and advisories. To keep a mirror, ask for /advisories, follow `next` as `cursor` while"
                " `more` is true, and go on from the last `next` later; an id in `merged` is replaced by the one it"
                " leads to. `since` does the same by time."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"{base_url}/api/v1"}],
        "paths": {
            "/advisories": _get("Advisories in the order of their last change", "AdvisoryPage", _page(), paged=True),
            "/advisories/{id}": _get("One advisory by PW id or alias", "Advisory", [_name()], missing=True),
            "/advisories/{id}/path": _get("The life cycle of its patches", "Path", [_name()], missing=True),
            "/changes": _get("Changes by number", "ChangePage", _page(), paged=True),
            "/sources": _get("The health of every source", "Sources", []),
            "/openapi.json": _get("This description", "Anything", []),
        },
        "components": {"schemas": _schemas()},
    }


def _get(summary: str, schema: str, parameters: list[Json], *, paged: bool = False, missing: bool = False) -> Json:
    responses: Json = {
        "200": {
            "description": "OK",
            "headers": {"ETag": {"schema": _TEXT}},
            "content": {"application/json": {"schema": _ref(schema)}},
        },
        "304": {"description": "You hold the newest answer"},
    }
    if paged:
        responses["400"] = _problem("A parameter cannot be read")
    if paged or missing:
        responses["404"] = _problem("There is no such topic, advisory or alias")
    return {"get": {"summary": summary, "parameters": parameters, "responses": responses}}


def _problem(description: str) -> Json:
    return {"description": description, "content": {"application/problem+json": {"schema": _ref("Problem")}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _page() -> list[Json]:
    return [
        _query("topic", {"type": "string", "maxLength": 64}, "slug of a topic"),
        _query("since", {"type": "string", "maxLength": 39}, "a date or time (ISO 8601); what changed then or later"),
        _query("cursor", _CURSOR, "`next` of an earlier answer"),
        _query(
            "limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}, "how many at most"
        ),
    ]


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _name() -> Json:
    shape = {"type": "string", "minLength": 1, "maxLength": 100}
    return {"name": "id", "in": "path", "required": True, "schema": shape, "description": "PW-2026-1, CVE-2026-31431"}


def _object(required: dict[str, Json], **more: Json) -> Json:
    return {"type": "object", "required": list(required), "properties": {**required, **more}}


def _list_of(name: str) -> Json:
    return {"type": "array", "items": _ref(name)}


def _schemas() -> dict[str, Json]:
    anything: Json = {"type": "object"}
    evidence = _object({"source": _TEXT, "class": _TEXT, "url": _TEXT, "fetched_at": _TIME, "sha256": _TEXT})
    merged = _object({"id": _TEXT, "into": _TEXT})
    page = {"next": _CURSOR, "more": {"type": "boolean"}}
    return {
        "Anything": anything,
        "Problem": _object({"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT}),
        "Evidence": evidence,
        "Cell": _cell(),
        "Advisory": _object(
            {
                "advisory": _head(),
                "upstream": anything,
                "cells": _list_of("Cell"),
                "mitigations": {"type": "array", "items": anything},
                "as_of": _TIME,
            }
        ),
        "AdvisoryPage": _object(
            {"advisories": _list_of("Advisory"), **page, "merged": {"type": "array", "items": merged}}
        ),
        "Change": _change(),
        "ChangePage": _object({"changes": _list_of("Change"), **page}),
        "Sources": _object({"sources": {"type": "array", "items": _object({"name": _TEXT, "state": _TEXT})}}),
        "Path": _object({"patches": {"type": "array", "items": anything}}),
    }


def _head() -> Json:
    kinds = {"type": "string", "enum": ["vulnerability", "change"]}
    return _object(
        {
            "id": {"type": "string", "pattern": "^PW-[0-9]{4}-[0-9]+$"},
            "kind": kinds,
            "title": _TEXT,
            "aliases": _TEXTS,
            "topics": _TEXTS,
            "published": _NULL_TIME,
            "modified": _NULL_TIME,
            "withdrawn": _NULL_TIME,
        }
    )


def _cell() -> Json:
    statuses = {"type": "string", "enum": ["affected", "not_affected", "fixed", "under_investigation"]}
    dispositions = {"type": "string", "enum": ["none", "pending", "deferred", "wont_fix", "eol", "mitigated"]}
    return _object(
        {
            "kind": {"type": "string", "enum": ["package", "livepatch", "related"]},
            "distro": _TEXT,
            "release": _NULL_TEXT,
            "stream": _NULL_TEXT,
            "package": _TEXT,
            "status": statuses,
            "disposition": dispositions,
            "fixed_version": _NULL_TEXT,
            "errata": _TEXTS,
            "evidence": _list_of("Evidence"),
        }
    )


def _change() -> Json:
    return _object(
        {
            "seq": {"type": "integer"},
            "uuid": _TEXT,
            "at": _TIME,
            "advisory": _NULL_TEXT,
            "aliases": _TEXTS,
            "topics": _TEXTS,
            "change": _TEXT,
            "field": _TEXT,
            "old": _NULL_TEXT,
            "new": _NULL_TEXT,
            "source": _TEXT,
            "evidence": _ref("Evidence"),
            "text": _TEXT,
        }
    )
