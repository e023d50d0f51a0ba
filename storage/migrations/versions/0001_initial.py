"""The first schema: identity, documents, records, state, changes, sources and the ledger of deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.BigInteger()  # microseconds since 1970, UTC
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _key(table: str, column: str, target: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{target.split('.', maxsplit=1)[0]}"
    return sa.ForeignKeyConstraint([column], [target], name=name, ondelete=ondelete)


def upgrade() -> None:
    _advisory_ids()
    _advisory_topics()
    _change_topics()
    _changes()
    _destinations()
    _documents()
    _meta()
    _operator_notes()
    _patch_advisories()
    _patch_keys()
    _patches()
    _record_subjects()
    _records()
    _source_streams()
    _sources()
    _validators()
    _advisories()
    _advisory_aliases()
    _messages()
    _subscriptions()
    _deliveries()
    _attempts()


def _advisory_ids() -> None:
    op.create_table(
        "advisory_ids",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("redirect_to", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advisory_ids")),
        sa.UniqueConstraint("year", "number", name=op.f("uq_advisory_ids_year_number")),
    )


def _advisory_topics() -> None:
    op.create_table(
        "advisory_topics",
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("topic", "id", name=op.f("pk_advisory_topics")),
    )


def _change_topics() -> None:
    op.create_table(
        "change_topics",
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "seq", name=op.f("pk_change_topics")),
    )


def _changes() -> None:
    op.create_table(
        "changes",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("advisory", sa.String(length=32), nullable=True),
        sa.Column("change", sa.String(length=32), nullable=False),
        sa.Column("distro", sa.String(length=64), nullable=True),
        sa.Column("release", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_changes")),
        sa.UniqueConstraint("key", name=op.f("uq_changes_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_changes_uuid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_changes_advisory"), ["advisory"], unique=False)
        batch_op.create_index(op.f("ix_changes_at"), ["at"], unique=False)


def _destinations() -> None:
    op.create_table(
        "destinations",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("thread", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("not_before", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        sa.UniqueConstraint("kind", "address", "thread", name=op.f("uq_destinations_kind_address_thread")),
    )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("document_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("slice_of", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_documents")),
        sa.UniqueConstraint("source", "url", "at", "sha256", name=op.f("uq_documents_source_url_at_sha256")),
    )
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.create_index("ix_documents_sha256", ["sha256"], unique=False)


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )


def _operator_notes() -> None:
    op.create_table(
        "operator_notes",
        sa.Column("note_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_operator_notes")),
    )


def _patch_advisories() -> None:
    op.create_table(
        "patch_advisories",
        sa.Column("patch", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("patch", "id", name=op.f("pk_patch_advisories")),
    )


def _patch_keys() -> None:
    op.create_table(
        "patch_keys",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("patch", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("key", "patch", name=op.f("pk_patch_keys")),
    )


def _patches() -> None:
    op.create_table(
        "patches",
        sa.Column("patch", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("modified_at", TIME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("patch", name=op.f("pk_patches")),
    )


def _record_subjects() -> None:
    op.create_table(
        "record_subjects",
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "source", "key", name=op.f("pk_record_subjects")),
    )
    with op.batch_alter_table("record_subjects", schema=None) as batch_op:
        batch_op.create_index("ix_record_subjects_source", ["source", "key"], unique=False)


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("record_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("modified", TIME, nullable=True),
        sa.Column("evidence_class", sa.String(length=24), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("observations", sa.Text(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", TIME, nullable=True),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("missing_since", TIME, nullable=True),
        sa.Column("missing_last", TIME, nullable=True),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_records")),
        sa.UniqueConstraint("source", "key", "at", "content", name=op.f("uq_records_source_key_at_content")),
    )


def _source_streams() -> None:
    op.create_table(
        "source_streams",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.String(length=128), nullable=False),
        sa.Column("baseline_done_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("source", "stream", name=op.f("pk_source_streams")),
    )


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("next_due_at", TIME, nullable=True),
        sa.Column("leased_until", TIME, nullable=True),
        sa.Column("lease", sa.String(length=64), nullable=True),
        sa.Column("last_attempt_at", TIME, nullable=True),
        sa.Column("last_good_at", TIME, nullable=True),
        sa.Column("newest_record_at", TIME, nullable=True),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_kind", sa.String(length=32), nullable=True),
        sa.Column("error_text", sa.Text(), nullable=True),
        sa.Column("error_url", sa.Text(), nullable=True),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("held_reason", sa.Text(), nullable=True),
        sa.Column("baseline_done_at", TIME, nullable=True),
        sa.Column("alerted_at", TIME, nullable=True),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("not_modified", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
    )


def _validators() -> None:
    op.create_table(
        "validators",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("source", "url", name=op.f("pk_validators")),
    )


def _advisories() -> None:
    op.create_table(
        "advisories",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("modified_at", TIME, nullable=False),
        sa.Column("modified_seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _key("advisories", "id", "advisory_ids.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advisories")),
    )
    with op.batch_alter_table("advisories", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_advisories_modified_seq"), ["modified_seq"], unique=False)


def _advisory_aliases() -> None:
    op.create_table(
        "advisory_aliases",
        sa.Column("alias", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        _key("advisory_aliases", "id", "advisory_ids.id"),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_advisory_aliases")),
    )
    with op.batch_alter_table("advisory_aliases", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_advisory_aliases_id"), ["id"], unique=False)


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("destination", SERIAL, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        _key("messages", "destination", "destinations.id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_messages_destination"), ["destination"], unique=False)


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("destination", SERIAL, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("filter", sa.String(length=512), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        _key("subscriptions", "destination", "destinations.id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("destination", "filter", name=op.f("uq_subscriptions_destination_filter")),
        sa.UniqueConstraint("destination", "number", name=op.f("uq_subscriptions_destination_number")),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("change_seq", SERIAL, nullable=False),
        sa.Column("destination", SERIAL, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("wakes", sa.Boolean(), nullable=False),
        sa.Column("subscription", sa.Integer(), nullable=True),
        sa.Column("filter", sa.String(length=512), nullable=True),
        sa.Column("not_before", TIME, nullable=False),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=36), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        _key("deliveries", "change_seq", "changes.seq"),
        _key("deliveries", "destination", "destinations.id", ondelete="CASCADE"),
        _key("deliveries", "message", "messages.id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("change_seq", "destination", name=op.f("uq_deliveries_change_seq_destination")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index("ix_deliveries_due", ["state", "destination", "not_before"], unique=False)
        batch_op.create_index(op.f("ix_deliveries_message"), ["message"], unique=False)


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("delivery", SERIAL, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("answer", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _key("attempts", "delivery", "deliveries.id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_attempts_delivery"), ["delivery"], unique=False)
