"""Synapse on loopback: a homeserver of the tests' own, with its people, that can be killed and started again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import httpx
import pytest

SERVER_NAME = "localhost"
READY_SECONDS = 90.0
_SECRET = "registration of the tests"
_FAST = "{per_second: 1000, burst_count: 1000}"

# rc_message keeps its default: each person is freed of it by name, except who is to feel it
_CONFIG = f"""\
server_name: {SERVER_NAME}
pid_file: {{folder}}/pid
listeners:
  - {{{{port: {{port}}, bind_addresses: ['127.0.0.1'], type: http, resources: [{{{{names: [client]}}}}]}}}}
database: {{{{name: sqlite3, args: {{{{database: "{{folder}}/homeserver.db"}}}}}}}}
media_store_path: {{folder}}/media
signing_key_path: {{folder}}/signing.key
log_config: {{folder}}/log.yaml
registration_shared_secret: {_SECRET}
macaroon_secret_key: macaroons of the tests
form_secret: forms of the tests
report_stats: false
trusted_key_servers: []
federation_domain_whitelist: []
suppress_key_server_warning: true
bcrypt_rounds: 4
enable_media_repo: false
caches: {{{{sync_response_cache_duration: 0s}}}}
rc_registration: {{{_FAST}}}
rc_login: {{{{address: {{{_FAST}}}, account: {{{_FAST}}}, failed_attempts: {{{_FAST}}}}}}}
rc_joins: {{{{local: {{{_FAST}}}, remote: {{{_FAST}}}}}}}
rc_joins_per_room: {{{_FAST}}}
rc_invites: {{{{per_room: {{{_FAST}}}, per_user: {{{_FAST}}}, per_issuer: {{{_FAST}}}}}}}
rc_room_creation: {{{_FAST}}}
"""
_LOG = """\
version: 1
formatters: {line: {format: '%(asctime)s %(levelname)s %(name)s %(message)s'}}
handlers: {file: {class: logging.FileHandler, filename: "FOLDER/synapse.log", formatter: line}}
root: {level: WARNING, handlers: [file]}
disable_existing_loggers: false
"""
Json = dict[str, Any]  # Any: JSON, as the wire has it


class Person:
    """Somebody with an account, who does what people do with a client."""

    def __init__(self, url: str, user: str, token: str) -> None:
        self.user = user
        self.token = token
        self._http = httpx.Client(
            base_url=f"{url}/_matrix/client/v3/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        self._sent = 0

    def call(self, method: str, *path: str, body: Json | None = None, expect: int = 200, **query: str) -> Json:
        where = "/".join(quote(one, safe="") for one in path)
        answer = self._http.request(method, where, json=body, params=query)
        assert answer.status_code == expect, f"{method} {where}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    def create_room(self, *invited: str, **more: Any) -> str:  # Any: JSON
        body = {"preset": "private_chat", "invite": list(invited), **more}
        return str(self.call("POST", "createRoom", body=body)["room_id"])

    def join(self, room: str) -> None:
        self.call("POST", "join", room, body={})

    def leave(self, room: str) -> None:
        self.call("POST", "rooms", room, "leave", body={})

    def invite(self, room: str, user: str) -> None:
        self.call("POST", "rooms", room, "invite", body={"user_id": user})

    def say(self, room: str, text: str, **more: Any) -> str:  # Any: JSON
        return self.send(room, {"msgtype": "m.text", "body": text, **more})

    def send(self, room: str, content: Json, kind: str = "m.room.message") -> str:
        self._sent += 1
        return str(self.call("PUT", "rooms", room, "send", kind, f"t{self._sent}", body=content)["event_id"])

    def set_state(self, room: str, kind: str, content: Json) -> None:
        self.call("PUT", "rooms", room, "state", kind, "", body=content)

    def get_state(self, room: str, kind: str) -> Json:
        return self.call("GET", "rooms", room, "state", kind, "")

    def timeline(self, room: str) -> list[Json]:
        """The room's events, oldest first."""
        found = self.call("GET", "rooms", room, "messages", dir="b", limit="200")["chunk"]
        return list(reversed(found))

    def messages(self, room: str, sender: str) -> list[Json]:
        """What this person said in the room: the contents of the messages."""
        return [one["content"] for one in self.timeline(room) if _is_message(one, sender)]

    def rooms(self) -> list[str]:
        return list(self.call("GET", "joined_rooms")["joined_rooms"])

    def close(self) -> None:
        self._http.close()


def _is_message(event: Json, sender: str) -> bool:
    return event["type"] == "m.room.message" and event["sender"] == sender and bool(event["content"])


class Synapse:
    """The server's process. `url` stays the same over `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = folder / "homeserver.yaml"
        self._config.write_text(_CONFIG.format(folder=folder, port=self.port), encoding="utf-8")
        seed = base64.b64encode(os.urandom(32)).decode().rstrip("=")
        (folder / "signing.key").write_text(f"ed25519 a_test {seed}\n", encoding="ascii")
        (folder / "log.yaml").write_text(_LOG.replace("FOLDER", str(folder)), encoding="utf-8")
        self._output: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._people: list[Person] = []
        self._admin = ""

    def start(self) -> None:
        """Comes back when it answers."""
        self._output = (self.folder / "output").open("ab")
        self._process = subprocess.Popen(
            _command(self._config), cwd=self.folder, stdout=self._output, stderr=self._output
        )
        until = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                said = [self.folder / one for one in ("output", "synapse.log")]
                texts = [one.read_text(encoding="utf-8")[-1000:] for one in said if one.exists()]
                pytest.fail(f"Synapse did not start: {texts}")
            time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut does it: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=30)
        if self._output is not None:
            self._output.close()
        self._process = self._output = None

    def close(self) -> None:
        for one in self._people:
            one.close()
        self.kill()

    def person(self, name: str, *, limited: bool = False) -> Person:
        """A new account. limited: it feels the server's default rc_message."""
        token = self._register(name, admin=False)
        person = Person(self.url, f"@{name}:{SERVER_NAME}", token)
        self._people.append(person)
        if not limited:
            self._admin = self._admin or self._register("server-admin", admin=True)
            where = f"{self.url}/_synapse/admin/v1/users/{quote(person.user)}/override_ratelimit"
            free = {"messages_per_second": 0, "burst_count": 0}
            httpx.post(where, json=free, headers={"Authorization": f"Bearer {self._admin}"}).raise_for_status()
        return person

    def log_in(self, person: Person, device: str = "") -> str:
        """The access token of one more login: a new device, or this one again, whose older token ends then."""
        name = person.user.removeprefix("@").removesuffix(f":{SERVER_NAME}")
        user = {"type": "m.id.user", "user": name}
        body = {"type": "m.login.password", "identifier": user, "password": f"password of {name}"}
        if device:
            body["device_id"] = device
        return str(person.call("POST", "login", body=body)["access_token"])

    def _register(self, name: str, *, admin: bool) -> str:
        """The access token of a new account (Synapse's "Shared-Secret Registration")."""
        where = f"{self.url}/_synapse/admin/v1/register"
        nonce = httpx.get(where).json()["nonce"]
        words = [nonce, name, f"password of {name}", "admin" if admin else "notadmin"]
        mac = hmac.new(_SECRET.encode(), "\0".join(words).encode(), hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "password": words[2], "admin": admin, "mac": mac}
        return str(httpx.post(where, json=body, timeout=60).raise_for_status().json()["access_token"])

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/_matrix/client/versions", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


def _command(config: Path) -> list[str]:
    return [sys.executable, "-m", "synapse.app.homeserver", "-c", str(config)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def synapse() -> Iterator[Synapse]:
    """One homeserver for the whole run."""
    if importlib.util.find_spec("synapse") is None:
        pytest.skip("Synapse is not installed (matrix-synapse of requirements-dev.lock)")
    folder = Path(tempfile.mkdtemp(prefix="patchwatch-synapse-"))
    server = Synapse(folder)
    try:
        server.start()
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
