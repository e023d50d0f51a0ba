"""One list mail, from its bytes to a PatchMail: pure, in bounded time, for mail from anywhere."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from advisories.mail_address import is_relayed, parse_address, relayed_name
from advisories.mail_body import Body, files_of, read_body
from advisories.mail_dates import parse_date
from advisories.mail_patch_id import patch_id
from advisories.mail_roles import Heard, Part, decide_role
from advisories.mail_subject import Subject, parse_subject
from advisories.mail_values import (
    POSTING_ROLES,
    AppliedCommit,
    MailError,
    MailRole,
    PatchMail,
    Push,
    Trailer,
)
from advisories.mail_wire import WireMail, clean_line, clean_text, decode_words, read_mail
from advisories.trailers import (
    REVIEW_NAMES,
    cves_in,
    fixes_of,
    linked_msgids,
    nack_of,
    read_trailers,
    reverted_by,
    upstream_of,
)

__all__ = ["AppliedCommit", "MailError", "MailRole", "PatchMail", "Push", "Trailer", "parse_mail"]

TEXT_LIMIT = 16_000
MSGID_LIMIT = 998
REFERENCE_LIMIT = 100
_SUBJECT_FIELD_LIMIT = 8_000
_MSGID = re.compile(r"<\s*([^<>\s]{1,998})\s*>")
_FOOTER = re.compile(r"\n_{40,}\n[^\n]{0,200} mailing list\n")


def parse_mail(raw: bytes, *, received_at: datetime | None) -> PatchMail:
    """Read one RFC 5322 message. received_at: the archive's time (the commit of a public-inbox), aware UTC, or None.

    Raises MailError, and nothing else, when the bytes are no mail.
    """
    wire = read_mail(raw)
    subject = parse_subject(decode_words(wire.first("subject")[:_SUBJECT_FIELD_LIMIT]))
    body = read_body(wire.text)
    senders = dict.fromkeys(parse_address(one) for one in wire.fields.get("from", ()))
    from_name, from_addr = next(iter(senders)) if len(senders) == 1 else ("", "")
    content_key = _content_key(wire)
    msgid = _msgid(wire, content_key)
    return _assemble(wire, subject, body, (from_name, from_addr), (msgid, content_key), received_at)


def _assemble(
    wire: WireMail,
    subject: Subject,
    body: Body,
    sender: tuple[str, str],
    ids: tuple[str, str],
    received_at: datetime | None,
) -> PatchMail:
    from_name, from_addr = sender
    msgid, content_key = ids
    trailers = _trailers(subject, body, from_name, from_addr)
    decided = decide_role(
        Heard(
            subject=subject,
            from_addr=from_addr,
            own=body.own,
            text=wire.text,
            attachments=wire.attachments,
            trailers=trailers,
            has_diff=bool(body.diff),
            has_diffstat=bool(body.diffstat),
        )
    )
    is_patch = decided.role in POSTING_ROLES or decided.role is MailRole.COVER
    author_name, author_addr = _author(wire, body, sender, trailers) if is_patch else sender
    own_text = clean_text("\n".join(body.own)[:TEXT_LIMIT])
    fixes = fixes_of(trailers)
    return PatchMail(
        msgid=msgid,
        content_key=content_key,
        from_name=from_name,
        from_addr=from_addr,
        author_name=author_name,
        author_addr=author_addr,
        subject=subject.text,
        title=decided.title or _title(subject, body, decided),
        sent_at=parse_date(wire.first("date"), received_at),
        received_at=received_at,
        in_reply_to=_reply_to(wire, msgid),
        references=_references(wire, msgid),
        list_ids=_list_ids(wire),
        role=decided.role,
        revision=subject.revision,
        revision_point=subject.revision_point,
        part=subject.part,
        parts=subject.parts,
        branches=subject.branches,
        flags=subject.flags,
        prefixes=subject.prefixes,
        is_reply=subject.is_reply,
        trailers=trailers,
        fixes=tuple(one.commit for one in fixes),
        fixes_titles=tuple(clean_line(one.title) for one in fixes),
        links=linked_msgids("\n".join(body.own)),
        upstream_commit=upstream_of(body.text) if is_patch else None,
        reverts=reverted_by(body.text) if is_patch else None,
        files=tuple(clean_line(path) for path in files_of(body)) if is_patch else (),
        patch_id=patch_id(body.diff) if is_patch and body.diff else None,
        cves=cves_in(f"{subject.text}\n{own_text}"),
        notes=clean_text(body.notes) if is_patch else "",
        text=own_text,
        change_id=body.change_id if is_patch else None,
        base_commit=body.base_commit if is_patch else None,
        applied_to=decided.applied.tree if decided.applied else None,
        applied_commits=decided.applied.commits if decided.applied else (),
        queue_branches=decided.queue_branches,
        pull_repository=decided.pull_repository,
        pull_tag=decided.pull_tag,
        merge_commit=decided.merge_commit,
        release=decided.release,
        pushes=decided.pushes,
        prerequisites=body.prerequisites if is_patch else (),
    )


def _trailers(subject: Subject, body: Body, from_name: str, from_addr: str) -> tuple[Trailer, ...]:
    """A patch's own trailers; of a reply only those that its sender gives in the own name."""
    if not subject.is_reply:
        return read_trailers(body.message)
    given = [
        one
        for one in read_trailers(body.own)
        if one.name not in REVIEW_NAMES or one.person == from_addr or _names(one.value, from_name)
    ]
    nack = nack_of(body.own, from_addr) if subject.is_patch else None
    if nack is not None and not any(one.name == nack.name for one in given):
        given.append(nack)
    return tuple(given)


def _names(value: str, name: str) -> bool:
    written = value.partition("<")[0].strip(" \"'").lower()
    return bool(name) and " ".join(written.split()) == name.lower()


def _author(wire: WireMail, body: Body, sender: tuple[str, str], trailers: tuple[Trailer, ...]) -> tuple[str, str]:
    """In-body From first; behind a relay or a list's munged From: that name's sign-off, X-Original-From, Reply-To."""
    if body.author:
        name, addr = parse_address(body.author)
        if addr:
            return name, addr
    from_name, from_addr = sender
    if not is_relayed(from_name, from_addr):
        return sender
    real = relayed_name(from_name)
    for trailer in trailers:
        if trailer.name == "Signed-off-by" and "@" in (trailer.person or "") and _names(trailer.value, real):
            return real, trailer.person or ""
    for field in ("x-original-from", "reply-to"):
        _, addr = parse_address(wire.first(field))
        if addr:
            return real, addr
    return real, from_addr


def _title(subject: Subject, body: Body, decided: Part) -> str:
    if body.subject and decided.role in POSTING_ROLES:
        return parse_subject(decode_words(body.subject)).title
    return subject.title


def _msgid(wire: WireMail, content_key: str) -> str:
    """The first Message-ID that is one; mail without any gets one made of its content."""
    for field in wire.fields.get("message-id", ()):
        found = _MSGID.search(field)
        msgid = clean_line(found[1] if found else field.strip(" <>"))
        if msgid and " " not in msgid and len(msgid) <= MSGID_LIMIT:
            return msgid
    return f"{content_key[:32]}@no-message-id.invalid"


def _content_key(wire: WireMail) -> str:
    digest = hashlib.blake2b(digest_size=20)
    digest.update(
        (_MSGID.search(wire.first("message-id")) or [wire.first("message-id")])[0].strip().encode("utf-8", "replace")
    )
    if wire.text or wire.attachments:
        for text in (wire.text, *wire.attachments):
            digest.update(b"\0")
            digest.update(_FOOTER.split(text, 1)[0].rstrip().encode("utf-8", "replace"))
    else:
        digest.update(b"\0\0" + wire.body.replace(b"\r\n", b"\n").rstrip())
    return digest.hexdigest()


def _reply_to(wire: WireMail, msgid: str) -> str | None:
    found = _MSGID.findall(wire.first("in-reply-to"))
    return next((one for one in map(clean_line, found) if one != msgid), None)


def _references(wire: WireMail, msgid: str) -> tuple[str, ...]:
    found = dict.fromkeys(map(clean_line, _MSGID.findall(wire.first("references"))))
    found.pop(msgid, None)
    return tuple(found)[-REFERENCE_LIMIT:]


def _list_ids(wire: WireMail) -> tuple[str, ...]:
    found = (_MSGID.search(one) for one in wire.fields.get("list-id", ())[:16])
    return tuple(dict.fromkeys(clean_line(one[1]).lower() for one in found if one))
