"""Configuration: flag, environment, file, default, in that order; an unknown key is an error with the nearest name."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from bot.config_keys import (
    APPRISE_KEYS,
    KEYS,
    SECTIONS,
    SMTP_PASSWORD_VARIABLE,
    SOURCE_KEYS,
    WEBHOOK_KEYS,
    Key,
    Scalar,
)
from sources.base import SourceSpec
from sources.registry import FURTHER_TREE_PREFIX, MODULES, find_source

Settings = Mapping[str, str | tuple[str, ...]]
_TREE_KEYS = ("url", "branches")


class ConfigError(ValueError):
    """A configuration that cannot be used; the text names the key and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    name: str
    url: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseService:
    """`url`: an Apprise URL, which holds the credential."""

    name: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """What `[sources.NAME]` says: `given` are the keys that were set, so that their hosts are allowed."""

    enabled: bool = True
    interval_seconds: int | None = None
    given: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings; `values` by (section, key), secrets resolved from their files."""

    path: Path | None
    data_dir: Path
    values: Mapping[tuple[str, str], Scalar]
    webhooks: tuple[Webhook, ...]
    sources: Mapping[str, SourceSettings]
    smtp_password: str = ""
    apprise: tuple[AppriseService, ...] = ()

    def text(self, section: str, name: str) -> str:
        return str(self.values[section, name])

    def number(self, section: str, name: str) -> int:
        value = self.values[section, name]
        return int(value) if isinstance(value, int | str) else 0

    def flag(self, section: str, name: str) -> bool:
        return bool(self.values[section, name])

    def words(self, section: str, name: str) -> tuple[str, ...]:
        value = self.values[section, name]
        return value if isinstance(value, tuple) else ()

    def secret(self, section: str, name: str) -> str:
        """The secret itself, from the environment or from the file named by `<name>_file`. Raises ConfigError."""
        direct = self.text(section, name)
        return direct or read_secret(self.text(section, f"{name}_file"), f"[{section}] {name}_file")

    def source(self, name: str) -> SourceSettings:
        return self.sources.get(name, SourceSettings())

    def source_values(self, spec: SourceSpec) -> dict[str, str | tuple[str, ...]]:
        """The source's settings with its defaults filled in."""
        return {**spec.settings, **self.source(spec.name).given}

    @property
    def further_trees(self) -> tuple[str, ...]:
        return tuple(sorted(name for name in self.sources if name.startswith(FURTHER_TREE_PREFIX)))


def default_data_dir(environment: Mapping[str, str]) -> Path:
    """CONTRACT: `$XDG_DATA_HOME/patchwatch`, for root /var/lib/patchwatch."""
    if environment.get("PATCHWATCH_DATA"):
        return Path(environment["PATCHWATCH_DATA"])
    if os.geteuid() == 0 and not environment.get("XDG_DATA_HOME"):
        return Path("/var/lib/patchwatch")
    base = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "patchwatch"


def find_file(flag: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The configuration file that applies; one that was named must be there. Raises ConfigError."""
    named = flag or (Path(environment["PATCHWATCH_CONFIG"]) if environment.get("PATCHWATCH_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"configuration file {named} is not there")
        return named
    for path in (Path("patchwatch.toml"), Path("/etc/patchwatch/patchwatch.toml")):
        if path.is_file():
            return path
    return None


def load_config(
    *, config: Path | None = None, data: Path | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """The configuration that applies here. Raises ConfigError."""
    environment = os.environ if environment is None else environment
    path = find_file(config, environment)
    top = _read(path) if path else {}
    where = str(path) if path else "environment"
    _known(top, (*SECTIONS, "webhook", "apprise", "sources"), where)
    values = {(key.section, key.name): _value(key, top, environment, where) for key in KEYS}
    return Config(
        path=path,
        data_dir=data or default_data_dir(environment),
        values=values,
        webhooks=_webhooks(top, where),
        sources=_sources(top, environment, where),
        smtp_password=environment.get(SMTP_PASSWORD_VARIABLE, "")
        or read_secret(str(values["mail", "password_file"]), "[mail] password_file"),
        apprise=_apprise(top, where),
    )


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _known(table: Mapping[str, object], names: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{where}: unknown key {name!r}{hint}")


def _section(top: Mapping[str, object], name: str, where: str) -> dict[str, object]:
    section = top.get(name, {})
    if not isinstance(section, dict):
        raise ConfigError(f"{where}: [{name}] must be a table")
    return section


def _value(key: Key, top: Mapping[str, object], environment: Mapping[str, str], where: str) -> Scalar:
    section = _section(top, key.section, where)
    _known(section, tuple(one.name for one in KEYS if one.section == key.section), f"{where}: [{key.section}]")
    if key.secret and key.name in section:
        raise ConfigError(
            f"{where}: [{key.section}] {key.name}: secrets come from {key.variable} or a file named by {key.name}_file"
        )
    if key.variable in environment:
        return _convert(key, environment[key.variable], key.variable)
    if key.name in section:
        return _convert(key, section[key.name], f"{where}: [{key.section}] {key.name}")
    return key.default


def _convert(key: Key, value: object, where: str) -> Scalar:
    if isinstance(key.default, bool):
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "1", "yes", "on", "false", "0", "no", "off"):
            return value.lower() in ("true", "1", "yes", "on")
        raise ConfigError(f"{where} must be true or false")
    if isinstance(key.default, int):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
        raise ConfigError(f"{where} must be a whole number")
    if isinstance(key.default, tuple):
        return _word_list(value, where)
    if not isinstance(value, str):
        raise ConfigError(f"{where} must be a text")
    return value.strip()


def _word_list(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return tuple(str(one).strip() for one in value)
    raise ConfigError(f"{where} must be a list of texts")


def _webhooks(top: Mapping[str, object], where: str) -> tuple[Webhook, ...]:
    hooks = []
    for name, table in _section(top, "webhook", where).items():
        place = f"{where}: [webhook.{name}]"
        if not isinstance(table, dict):
            raise ConfigError(f"{place} must be a table")
        _known(table, WEBHOOK_KEYS, place)
        url, secret_file = table.get("url"), table.get("secret_file")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ConfigError(f"{place} url must be an http(s) address")
        if not isinstance(secret_file, str):
            raise ConfigError(f"{place} secret_file must name the file that holds the signing secret")
        hooks.append(Webhook(name=name, url=url, secret=read_secret(secret_file, f"{place} secret_file")))
    return tuple(hooks)


def _apprise(top: Mapping[str, object], where: str) -> tuple[AppriseService, ...]:
    services = []
    for name, table in _section(top, "apprise", where).items():
        place = f"{where}: [apprise.{name}]"
        if not isinstance(table, dict):
            raise ConfigError(f"{place} must be a table")
        _known(table, APPRISE_KEYS, place)
        url_file = table.get("url_file")
        if not isinstance(url_file, str) or not url_file:
            raise ConfigError(f"{place} url_file must name the file that holds the Apprise URL")
        url = read_secret(url_file, f"{place} url_file")
        if "://" not in url or len(url.split()) != 1:
            raise ConfigError(f"{place} url_file: {url_file} must hold one Apprise URL and nothing else")
        services.append(AppriseService(name=name, url=url))
    return tuple(services)


def _sources(top: Mapping[str, object], environment: Mapping[str, str], where: str) -> dict[str, SourceSettings]:
    tables = dict(_section(top, "sources", where))
    names = tuple(name for name in MODULES if name != "baseline")
    for name in tables:
        if name not in names and not name.startswith(FURTHER_TREE_PREFIX):
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f" (further trees are named {FURTHER_TREE_PREFIX}NAME)"
            raise ConfigError(f"{where}: [sources.{name}]: no such source{hint}")
    found = {name: _source(name, table, where) for name, table in tables.items()}
    for variable, value in environment.items():
        split = _source_variable(variable, names)
        if split is not None:
            name, key = split
            before = tables.get(name, {})
            merged = {**(before if isinstance(before, dict) else {}), key: value}
            tables[name] = merged
            found[name] = _source(name, merged, variable)
    return found


def _source_variable(variable: str, names: tuple[str, ...]) -> tuple[str, str] | None:
    """("kernel-cna", "url") for PATCHWATCH_SOURCES_KERNEL_CNA_URL: the longest source name that fits."""
    prefix = "PATCHWATCH_SOURCES_"
    if not variable.startswith(prefix):
        return None
    rest = variable[len(prefix) :].lower()
    for name in sorted(names, key=len, reverse=True):
        flat = name.replace("-", "_")
        if rest.startswith(f"{flat}_"):
            return name, rest[len(flat) + 1 :]
    raise ConfigError(f"{variable}: no such source")


def _source(name: str, table: object, where: str) -> SourceSettings:
    place = f"{where}: [sources.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{place} must be a table")
    further = name.startswith(FURTHER_TREE_PREFIX)
    settings = _TREE_KEYS if further else tuple(find_source(name).settings)
    _known(table, (*SOURCE_KEYS, *settings), place)
    enabled = _convert(
        Key(section="sources", name="enabled", default=True, means=""), table.get("enabled", True), f"{place} enabled"
    )
    interval = table.get("interval")
    given: dict[str, str | tuple[str, ...]] = {}
    for key in settings:
        if key in table:
            value = table[key]
            given[key] = (
                value.strip() if isinstance(value, str) and "," not in value else _word_list(value, f"{place} {key}")
            )
    return SourceSettings(
        enabled=bool(enabled),
        interval_seconds=None if interval is None else seconds(str(interval), f"{place} interval"),
        given=given,
    )


def seconds(text: str, where: str) -> int:
    """ "90", "90s", "10m", "6h", "2d" as seconds. Raises ConfigError."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
    number, unit = (text[:-1], text[-1]) if text and text[-1] in units else (text, "s")
    if not (number.isascii() and number.isdigit() and 0 < len(number) < 8):
        raise ConfigError(f"{where}: {text!r} is no time; write 90s, 10m, 6h or 2d")
    return int(number) * units[unit]


def read_secret(path: str, where: str) -> str:
    """The content of a secret's file; "" when none is named. Raises ConfigError."""
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{where}: {path} cannot be read") from None
