"""The tables of what came in and what it means. Delivery has its own in `delivery_tables`.

Times are aware UTC through one type; JSON columns hold text written by `codec`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC datetimes as microseconds since 1970: the same order and the same value on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone reached storage")
        delta = value.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        seconds, microseconds = divmod(value, 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


SERIAL = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# Identity is outside rebuild: an id is given once and never reused.
advisory_ids = Table(
    "advisory_ids",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("year", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("redirect_to", String(32)),
    UniqueConstraint("year", "number"),
)
advisory_aliases = Table(
    "advisory_aliases",
    metadata,
    Column("alias", String(200), primary_key=True),
    Column("id", String(32), ForeignKey("advisory_ids.id"), nullable=False, index=True),
)

documents = Table(
    "documents",
    metadata,
    Column("document_id", SERIAL, primary_key=True, autoincrement=True),
    Column("source", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False, default=False),
    Column("slice_of", String(64)),  # sha256 of the whole document that this record was cut from
    UniqueConstraint("source", "url", "at", "sha256"),
)
Index("ix_documents_sha256", documents.c.sha256)

validators = Table(
    "validators",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("url", Text, primary_key=True),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("sha256", String(64), nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("record_id", SERIAL, primary_key=True, autoincrement=True),
    Column("source", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("modified", UtcTime),
    Column("evidence_class", String(24), nullable=False),
    Column("url", Text, nullable=False),
    Column("sha256", String(64), nullable=False),  # of the document it came in
    Column("content", String(64), nullable=False),  # hash of the observations: equal content is one version
    Column("observations", Text, nullable=False),
    Column("seen", Integer, nullable=False, default=1),
    Column("last_seen_at", UtcTime),
    Column("missing", Integer, nullable=False, default=0),
    Column("missing_since", UtcTime),
    Column("missing_last", UtcTime),
    UniqueConstraint("source", "key", "at", "content"),
)
# What a record speaks about: a CVE id, or "patch:<key>", "release", "package", "config", "link".
record_subjects = Table(
    "record_subjects",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("key", Text, primary_key=True),
)
Index("ix_record_subjects_source", record_subjects.c.source, record_subjects.c.key)

advisories = Table(
    "advisories",
    metadata,
    Column("id", String(32), ForeignKey("advisory_ids.id"), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("modified_at", UtcTime, nullable=False),  # when our state last changed
    Column("modified_seq", BigInteger, nullable=False, index=True),  # grows with every stored state: the API's cursor
    Column("state", Text, nullable=False),
)
advisory_topics = Table(
    "advisory_topics",
    metadata,
    Column("topic", String(64), primary_key=True),
    Column("id", String(32), primary_key=True),
)

patches = Table(
    "patches",
    metadata,
    Column("patch", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("modified_at", UtcTime, nullable=False),
    Column("state", Text, nullable=False),
)
patch_keys = Table(  # Message-IDs, commit ids, patch-ids and normalised titles by which a patch is found
    "patch_keys",
    metadata,
    Column("key", String(300), primary_key=True),
    Column("patch", String(64), primary_key=True),
)
patch_advisories = Table(
    "patch_advisories",
    metadata,
    Column("patch", String(64), primary_key=True),
    Column("id", String(32), primary_key=True),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("key", Text, nullable=False, unique=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("advisory", String(32), index=True),
    Column("change", String(32), nullable=False),
    Column("distro", String(64)),
    Column("release", String(64)),
    Column("source", String(64), nullable=False),
    Column("quiet", Boolean, nullable=False, default=False),
    Column("draft", Text, nullable=False),
    sqlite_autoincrement=True,
)
change_topics = Table(
    "change_topics",
    metadata,
    Column("topic", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
)

sources = Table(
    "sources",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("state", String(16), nullable=False, default="waiting"),  # waiting | good | failing | held | stale | off
    Column("checkpoint", Text, nullable=False, default="{}"),
    Column("next_due_at", UtcTime),
    Column("leased_until", UtcTime),
    Column("lease", String(64)),
    Column("last_attempt_at", UtcTime),
    Column("last_good_at", UtcTime),
    Column("newest_record_at", UtcTime),
    Column("failing_since", UtcTime),
    Column("failures", Integer, nullable=False, default=0),
    Column("error_kind", String(32)),
    Column("error_text", Text),
    Column("error_url", Text),
    Column("rejected", Integer, nullable=False, default=0),
    Column("records", Integer, nullable=False, default=0),
    Column("held_reason", Text),
    Column("baseline_done_at", UtcTime),
    Column("alerted_at", UtcTime),
    Column("requests", BigInteger, nullable=False, default=0),
    Column("bytes", BigInteger, nullable=False, default=0),
    Column("not_modified", BigInteger, nullable=False, default=0),
)
source_streams = Table(
    "source_streams",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("stream", String(128), primary_key=True),
    Column("baseline_done_at", UtcTime, nullable=False),
)
# Records of a source that must read again as they did, with what they said when they were last accepted.
canaries = Table(
    "canaries",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("place", Text, nullable=False),  # the document it stands in; "" for a document that is one record
    Column("url", Text, nullable=False),
    Column("at", UtcTime, nullable=False),  # of the document that said so
    Column("observations", Text, nullable=False),
    Column("equal_at", UtcTime),  # when it last read the same again
)
operator_notes = Table(
    "operator_notes",
    metadata,
    Column("note_id", SERIAL, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("source", String(64)),
    Column("text", Text, nullable=False),
    Column("sent_at", UtcTime),
)
