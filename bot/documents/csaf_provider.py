"""The files around CSAF documents that a provider owes (section 7.1): metadata, index, changes, ROLIE feed, hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.documents.common import Publisher
from bot.views.status import Json, when

FEED = "feed-tlp-white.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A written document: `path` below /csaf ("2026/pw-2026-1.json"), its times and its bytes."""

    path: str
    id: str
    title: str
    first_at: datetime
    current_at: datetime
    body: bytes


def provider_metadata(publisher: Publisher, newest: datetime) -> Json:
    """Section 7.1.8. Without an OpenPGP key the role is csaf_provider."""
    base = publisher.base_url
    return {
        "canonical_url": f"{base}/.well-known/csaf/provider-metadata.json",
        "distributions": [
            {"directory_url": f"{base}/csaf/"},
            {
                "rolie": {
                    "feeds": [{"summary": "All documents", "tlp_label": "WHITE", "url": f"{base}/csaf/{FEED}"}],
                }
            },
        ],
        "last_updated": when(newest),
        "list_on_CSAF_aggregators": False,
        "metadata_version": "2.0",
        "mirror_on_CSAF_aggregators": False,
        "publisher": {"category": "other", "name": publisher.name, "namespace": base},
        "role": "csaf_provider",
    }


def index(published: Sequence[Published]) -> bytes:
    return "".join(f"{one.path}\n" for one in sorted(published, key=lambda one: one.path)).encode()


def changes(published: Sequence[Published]) -> bytes:
    """Section 7.1.13: path and time of the current version, newest first."""
    ordered = sorted(published, key=lambda one: (one.current_at, one.path), reverse=True)
    return "".join(f'"{one.path}","{when(one.current_at)}"\n' for one in ordered).encode()


def rolie(publisher: Publisher, published: Sequence[Published], newest: datetime) -> Json:
    """Section 7.1.15: a ROLIE feed (RFC 8322) in JSON."""
    base = publisher.base_url
    return {
        "feed": {
            "id": "patchwatch-csaf-feed-tlp-white",
            "title": f"CSAF documents of {publisher.name} (TLP:WHITE)",
            "link": [{"rel": "self", "href": f"{base}/csaf/{FEED}"}],
            "category": [{"scheme": "urn:ietf:params:rolie:category:information-type", "term": "csaf"}],
            "updated": when(newest),
            "entry": [_entry(base, one) for one in published],
        }
    }


def _entry(base: str, one: Published) -> Json:
    url = f"{base}/csaf/{one.path}"
    return {
        "id": one.id,
        "title": one.title,
        "link": [
            {"rel": "self", "href": url},
            {"rel": "hash", "href": f"{url}.sha256"},
            {"rel": "hash", "href": f"{url}.sha512"},
        ],
        "published": when(one.first_at),
        "updated": when(one.current_at),
        "content": {"type": "application/json", "src": url},
        "format": {"schema": "https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json", "version": "2.0"},
    }


def hash_line(one: Published, kind: str) -> bytes:
    """Section 7.1.18: the hash and the file's name; kind is sha256 or sha512."""
    return f"{hashlib.new(kind, one.body).hexdigest()}  {one.path.rpartition('/')[2]}\n".encode()


def written(document: Json) -> bytes:
    """A document as the bytes that are served and hashed."""
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=False).encode("utf-8", "replace") + b"\n"
