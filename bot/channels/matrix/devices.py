"""The devices of people, as the homeserver tells them (client-server API, "Key management"): each is checked by itself
before the library sees it, so that nobody's odd keys keep a message from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from nio.crypto import Olm

MAX_DEVICES = 200  # of one person
Json = dict[str, Any]  # Any: JSON


class DeviceKeys(msgspec.Struct):
    user_id: str
    device_id: str
    keys: dict[str, str]
    signatures: dict[str, dict[str, str]]


class OneTimeKey(msgspec.Struct):
    key: str
    signatures: dict[str, dict[str, str]]


class KeysFound(msgspec.Struct):
    """The answer of /keys/query: person -> device -> its keys."""

    device_keys: dict[str, dict[str, msgspec.Raw]] = {}


class KeysClaimed(msgspec.Struct):
    """The answer of /keys/claim: person -> device -> name of the key -> the key."""

    one_time_keys: dict[str, dict[str, dict[str, msgspec.Raw]]] = {}


class KeysTaken(msgspec.Struct):
    """The answer of /keys/upload: how many one-time keys of each kind are left there."""

    one_time_key_counts: dict[str, int] = {}


def take_devices(machine: Olm, person: str, devices: Mapping[str, msgspec.Raw]) -> None:
    """What is not there any more is forgotten, what cannot be read passed over; names of devices are not kept."""
    from nio.responses import KeysQueryResponse

    sound: dict[str, Json] = {}
    for device, raw in islice(devices.items(), MAX_DEVICES):
        try:
            _check(person, device, msgspec.json.decode(raw, type=DeviceKeys))
            whole: Json = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, ValueError):
            continue
        whole.pop("unsigned", None)
        sound[device] = whole
    machine.handle_response(KeysQueryResponse({person: sound}, {}))


def ed25519_of(person: str, device: str, found: KeysFound) -> str | None:
    """The signing key that the homeserver has of a device; None where it has none."""
    raw = found.device_keys.get(person, {}).get(device)
    try:
        return None if raw is None else msgspec.json.decode(raw, type=DeviceKeys).keys.get(f"ed25519:{device}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def take_one_time_keys(machine: Olm, claimed: KeysClaimed) -> None:
    """Begins a session with each device whose key is sound."""
    from nio.responses import KeysClaimResponse
    from vodozemac import Curve25519PublicKey

    for person, device, name, raw in _claims(claimed):
        try:
            one = msgspec.json.decode(raw, type=OneTimeKey)
            Curve25519PublicKey.from_base64(one.key)
            _check_signature(one.signatures[person][f"ed25519:{device}"])
            response = KeysClaimResponse({person: {device: {name: msgspec.json.decode(raw)}}}, {})
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, ValueError):
            continue
        machine.handle_response(response)


def _claims(claimed: KeysClaimed) -> Iterator[tuple[str, str, str, msgspec.Raw]]:
    for person, devices in claimed.one_time_keys.items():
        for device, keys in devices.items():
            for name, raw in islice(keys.items(), 1):
                yield person, device, name, raw


def _check(person: str, device: str, one: DeviceKeys) -> None:
    """Raises KeyError, ValueError."""
    from vodozemac import Curve25519PublicKey, Ed25519PublicKey

    if (one.user_id, one.device_id) != (person, device):
        raise ValueError("keys of another device")
    Ed25519PublicKey.from_base64(one.keys[f"ed25519:{device}"])
    Curve25519PublicKey.from_base64(one.keys[f"curve25519:{device}"])
    _check_signature(one.signatures[person][f"ed25519:{device}"])


def _check_signature(text: str) -> None:
    from vodozemac import Ed25519Signature

    Ed25519Signature.from_base64(text)
