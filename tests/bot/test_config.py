"""Configuration: flag, environment, file, default; and errors that say what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Config, ConfigError, load_config, seconds
from sources.registry import find_source


def load(tmp_path: Path, text: str = "", **environment: str) -> Config:
    file = tmp_path / "patchwatch.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(config=file, data=tmp_path / "data", environment=environment)


def test_every_key_has_a_default(tmp_path: Path) -> None:
    """An empty file is a whole configuration."""
    config = load(tmp_path)
    assert config.text("web", "listen") == "127.0.0.1:8080"
    assert (config.webhooks, config.flag("mail", "starttls"), config.words("topics", "paths")) == ((), True, ())


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """Lists by commas, `-` as `_`, numbers and truths as words."""
    config = load(
        tmp_path,
        '[web]\nlisten = "0.0.0.0:80"\n[schedule]\njitter = 5\n',
        PATCHWATCH_WEB_LISTEN="[::1]:8081",
        PATCHWATCH_TOPICS_PATHS="/a, /b",
        PATCHWATCH_MAIL_STARTTLS="no",
        PATCHWATCH_SCHEDULE_JITTER="7",
    )
    assert config.text("web", "listen") == "[::1]:8081"
    assert config.words("topics", "paths") == ("/a", "/b")
    assert (config.flag("mail", "starttls"), config.number("schedule", "jitter")) == (False, 7)


def test_a_source_is_set_by_file_and_environment(tmp_path: Path) -> None:
    """Addresses, interval, and whether it is on; what is given replaces the live default."""
    config = load(
        tmp_path,
        '[sources.debian]\nurl = "http://127.0.0.1:1/tracker"\ninterval = "2m"\n',
        PATCHWATCH_SOURCES_KERNEL_CNA_ENABLED="false",
        PATCHWATCH_SOURCES_KERNEL_CNA_URL="http://127.0.0.1:2/vulns.git",
    )
    assert (config.source("debian").interval_seconds, config.source("debian").enabled) == (120, True)
    assert config.source_values(find_source("debian"))["url"] == "http://127.0.0.1:1/tracker"
    assert config.source("kernel-cna").enabled is False
    assert config.source("kernel-cna").given == {"url": "http://127.0.0.1:2/vulns.git"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[web]\nlisen = 'x'\n", "unknown key 'lisen'; did you mean 'listen'?"),
        ("[wbe]\n", "unknown key 'wbe'; did you mean 'web'?"),
        ("[sources.debain]\n", "no such source; did you mean 'debian'?"),
        ("[sources.debian]\nurll = 'x'\n", "unknown key 'urll'"),
        ("[sources.debian]\ninterval = 'soon'\n", "'soon' is no time; write 90s, 10m, 6h or 2d"),
        ("[telegram]\ntoken = '1:a'\n", "secrets come from PATCHWATCH_TELEGRAM_TOKEN"),
        ("[mail]\nport = 'x'\n", "must be a whole number"),
        ("[mail]\nstarttls = 'maybe'\n", "must be true or false"),
        ("[webhook.ops]\nurl = 'ftp://x'\n", "url must be an http(s) address"),
        ("[webhook.ops]\nurl = 'https://x.example'\n", "secret_file must name"),
        ("listen = ", "not valid TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, line: str) -> None:
    """The file, the key and what would be right, in one line."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_a_secret_comes_from_a_file_of_its_own(tmp_path: Path) -> None:
    """`*_file` is read, its line end removed; one that is not there is an error."""
    (tmp_path / "token").write_text("123:abc\n", encoding="utf-8")
    config = load(tmp_path, f"[telegram]\ntoken_file = '{tmp_path}/token'\n")
    assert config.secret("telegram", "token") == "123:abc"
    gone = load(tmp_path, "[telegram]\ntoken_file = '/nowhere/token'\n")
    with pytest.raises(ConfigError, match="/nowhere/token cannot be read"):
        gone.secret("telegram", "token")


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """A forgotten mount is no default configuration."""
    with pytest.raises(ConfigError, match="is not there"):
        load_config(config=tmp_path / "absent.toml", environment={})
    with pytest.raises(ConfigError, match="is not there"):
        load_config(environment={"PATCHWATCH_CONFIG": str(tmp_path / "absent.toml")})


def test_times_are_read_with_their_unit() -> None:
    """Seconds without one."""
    assert [seconds(one, "x") for one in ("90", "90s", "10m", "6h", "2d", "1w")] == [
        90,
        90,
        600,
        21_600,
        172_800,
        604_800,
    ]
