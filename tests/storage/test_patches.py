"""Patches and the records behind them in the store, the same on both databases."""

from __future__ import annotations

from advisories.mail import PatchMail
from advisories.patches import Patch
from advisories.patches_keys import own_keys
from advisories.words import AdvisoryKind, EvidenceClass
from storage import identity
from storage import patches as patch_store
from storage.records import NewVersion
from storage.store import Store
from tests.advisories.lives import TITLE, commit, commit_id, mail, patch_mail, the_patch
from tests.build import at, evidence

POSTED = patch_mail("v1@x", f"[PATCH] {TITLE}")
PATCH = the_patch(POSTED, commit(1, tag="v7.2-rc1"))
KEYS = ("message:v1@x", f"commit:{commit_id(1)}", f"id:{PATCH.id}")


def version(one: PatchMail, hours: float = 0) -> NewVersion:
    return NewVersion(
        key=f"mail/{one.content_key}",
        at=at(hours),
        modified=None,
        evidence=evidence("lore", EvidenceClass.LIST_MAIL, hours),
        observations=(one,),
        subjects=(),
    )


def stored(store: Store) -> list[Patch]:
    with store.read() as connection:
        return patch_store.list_patches(connection)


def test_a_patch_is_found_by_any_of_its_ids(store: Store) -> None:
    """Whole or, of a commit, its first digits; what looks like a pattern is only text."""
    with store.write() as connection:
        patch_store.replace_patches(connection, [], [(PATCH, KEYS)], at=at())
    with store.read() as connection:
        assert patch_store.find_patches(connection, ["message:v1@x", "message:other@x"]) == [PATCH.id]
        assert patch_store.find_by_prefix(connection, f"commit:{commit_id(1)[:8]}") == [PATCH.id]
        assert patch_store.find_by_prefix(connection, "commit:%") == []
        assert patch_store.known_patch_keys(connection, [*KEYS, "commit:none"]) == set(KEYS)
        assert patch_store.load_patches(connection, [PATCH.id, "none"]) == [PATCH]


def test_replacing_takes_the_old_out_with_its_keys_and_joins(store: Store) -> None:
    """A patch under a new id leaves nothing of the old one behind."""
    other = the_patch(patch_mail("v0@x", f"[PATCH] {TITLE}", hours=-5), POSTED)
    with store.write() as connection:
        patch_store.replace_patches(connection, [], [(PATCH, KEYS)], at=at())
        pw_id = identity.open_advisory(
            connection, aliases=["MATTER:X"], kind=AdvisoryKind.CHANGE.value, year=2026, at=at()
        )
        assert patch_store.join_advisory(connection, PATCH.id, pw_id)
        assert not patch_store.join_advisory(connection, PATCH.id, pw_id)
        assert patch_store.advisories_of(connection, PATCH.id) == [pw_id]
        assert patch_store.patches_of(connection, pw_id) == [PATCH.id]
        patch_store.replace_patches(connection, [PATCH.id], [(other, ["message:v0@x"])], at=at(1))
        assert patch_store.patches_of(connection, pw_id) == []
        assert patch_store.find_patches(connection, KEYS) == []
    assert stored(store) == [other]


def test_records_wait_until_they_are_adopted(store: Store) -> None:
    """A waiting record is found by its keys and is not known as kept; adopted, it stays when others go."""
    waiting = mail("r@x", "Re: [PATCH] net: thing", reply_to="p@x")
    with store.write() as connection:
        patch_store.add_orphans(connection, [(version(waiting), own_keys(waiting))])
        assert patch_store.known_keys(connection, ["answers:p@x"]) == set()
        (name,) = patch_store.names_owning(connection, ["answers:p@x"])
        patch_store.adopt(connection, [name])
        assert patch_store.known_keys(connection, ["answers:p@x", "answers:q@x"]) == {"answers:p@x"}
        for number in range(4):
            one = mail(f"o{number}@x", "Re: [PATCH] drm: thing", reply_to="d@x")
            patch_store.add_orphans(connection, [(version(one, number), own_keys(one))], limit=2)
    with store.read() as connection:
        assert len(patch_store.names_owning(connection, ["answers:d@x"])) == 2
        (found,) = patch_store.versions_named(connection, patch_store.names_owning(connection, ["answers:p@x"]))
        assert found.observations == (waiting,)


def test_a_kept_record_is_kept_once_and_takes_further_keys(store: Store) -> None:
    """Restated with the same content it is not new; a key is added once."""
    with store.write() as connection:
        assert patch_store.keep(connection, [(version(POSTED), own_keys(POSTED))]) != []
        assert patch_store.keep(connection, [(version(POSTED, 2), own_keys(POSTED))]) == []
        patch_store.add_orphans(connection, [(version(POSTED, 3), own_keys(POSTED))])
        (name,) = patch_store.names_owning(connection, ["message:v1@x"])
        assert patch_store.add_keys(connection, name, ["title:further"])
        assert not patch_store.add_keys(connection, name, ["title:further"])
        assert patch_store.observations_about(connection, patch_store.SUBJECT_KEPT) == [POSTED]
