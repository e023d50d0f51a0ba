"""Fixtures that every room's tests share."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real documents beside the checkout; read in place, skipped by name where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("shared/data with the real documents is not beside this checkout")
    return folder


def is_local(family: int, address: object) -> bool:
    """Whether a socket may go there: loopback, unix, and what is no Internet address at all."""
    if family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in ("", "localhost"):
        return True
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return parsed.is_loopback or parsed.is_unspecified


@pytest.fixture(scope="session")
def outward_connections() -> Iterator[list[str]]:
    """Addresses outside this machine that something tried to reach; every such try is stopped."""
    tried: list[str] = []

    def guarded(name: str) -> Callable[..., Any]:  # Any: the three methods differ in what they take and give
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            if not is_local(self.family, address):
                tried.append(f"{name} to {address!r}")
                pytest.fail(f"a test tried to reach the network: {name} to {address!r}; only loopback is allowed")
            return original(self, *arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, guarded(name))
        yield tried


@pytest.fixture(autouse=True)
def no_network(outward_connections: list[str]) -> Iterator[None]:
    """Fails the test during which a connection left this machine, even when a thread or a broad except hid it."""
    del outward_connections[:]
    yield
    tried = list(outward_connections)
    del outward_connections[:]
    if tried:
        pytest.fail(f"a test tried to reach the network: {'; '.join(tried)}; only loopback is allowed")


def skipped_tests(reporter: pytest.TerminalReporter) -> list[str]:
    return [f"{report.nodeid}: {report.longrepr[2]}" for report in reporter.stats.get("skipped", [])]


def runs_in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what would be overlooked above the closing line: skipped tests in CI, gates that failed before."""
    if runs_in_ci():
        for line in skipped_tests(terminalreporter):
            terminalreporter.line(f"SKIPPED IN CI {line}", red=True)
    gates = os.environ.get("PATCHWATCH_FAILED_GATES", "").strip(", ")
    if gates:
        terminalreporter.line(f"FAILED BEFORE THE TESTS: {gates}", red=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With CI=true a skipped test fails the run: there, everything that tests need must be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and runs_in_ci() and isinstance(reporter, pytest.TerminalReporter) and skipped_tests(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
