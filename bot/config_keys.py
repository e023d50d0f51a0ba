"""Every configuration key with its default and what it means: the one list that the file, the environment, the docs
and `doctor` share."""

from __future__ import annotations

from dataclasses import dataclass

Scalar = str | int | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    section: str
    name: str
    default: Scalar
    means: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"PATCHWATCH_{self.section}_{self.name}".upper().replace("-", "_")


def _key(section: str, name: str, default: Scalar, means: str, *, secret: bool = False) -> Key:
    return Key(section=section, name=name, default=default, means=means, secret=secret)


KEYS: tuple[Key, ...] = (
    _key(
        "storage",
        "url",
        "",
        "Database: empty for SQLite in the data folder, sqlite:///FILE or postgresql://USER@HOST/NAME",
    ),
    _key("web", "listen", "127.0.0.1:8080", "Address and port of board, feeds and API"),
    _key("web", "base_url", "", "Public address of the board (https://…) for links in messages, feeds and mail"),
    _key("web", "hub", "", "WebSub hub (https://…) that the feeds name and that is told of news; empty: none"),
    _key("http", "contact", "", "A way to reach you (URL or mail address), told to the sources in the User-Agent"),
    _key("http", "user_agent", "", "Replaces the whole User-Agent; never a browser's"),
    _key("http", "proxy", "", "HTTP proxy for all sources"),
    _key("schedule", "jitter", 10, "Percent by which polls are spread"),
    _key("schedule", "interval_factor", 100, "Percent of every source's default interval (200: half as often)"),
    _key("telegram", "token", "", "Bot token from BotFather; empty: Telegram is off", secret=True),
    _key("telegram", "token_file", "", "File that holds the bot token"),
    _key("telegram", "api_base", "https://api.telegram.org", "Bot API address (your own Bot API server)"),
    _key("telegram", "admins", (), "Telegram user ids that may use the operator's words"),
    _key("telegram", "webhook_secret", "", "Secret token of the webhook; empty: long polling", secret=True),
    _key("telegram", "webhook_secret_file", "", "File that holds the webhook secret"),
    _key("matrix", "homeserver", "", "Address of the homeserver; empty: Matrix is off"),
    _key("matrix", "user", "", "The bot's Matrix id (@patchwatch:example.org)"),
    _key("matrix", "token", "", "Access token of the bot's Matrix account", secret=True),
    _key("matrix", "token_file", "", "File that holds the access token"),
    _key("matrix", "admins", (), "Matrix ids that may invite the bot anywhere and use the operator's words"),
    _key("matrix", "allowed_servers", (), "Servers whose users may invite the bot"),
    _key("matrix", "encryption", True, "Serve encrypted rooms, where the libraries of the extra e2ee are installed"),
    _key("mail", "host", "", "Your MTA; empty: mail is off"),
    _key("mail", "port", 25, "Port of the MTA"),
    _key("mail", "user", "", "User name at the MTA"),
    _key("mail", "password_file", "", "File that holds the password at the MTA"),
    _key("mail", "starttls", True, "Require STARTTLS"),
    _key("mail", "from", "", "Sender address of digests and alerts"),
    _key(
        "mail",
        "dkim",
        True,
        "Your MTA signs List-Unsubscribe and List-Unsubscribe-Post; false: no one click (RFC 8058)",
    ),
    _key(
        "alerts",
        "destination",
        "",
        "Where the operator is told of failing sources: telegram:<id>, matrix:!room, mail:address",
    ),
    _key("alerts", "ping_url", "", "Address that is asked after every good cycle (dead man's switch)"),
    _key("topics", "paths", (), "Folders of topic files; empty: the built-in topics"),
)
# [mail] password is a secret with a variable name of its own in CONTRACT.md
SMTP_PASSWORD_VARIABLE = "PATCHWATCH_SMTP_PASSWORD"  # noqa: S105  # the name of the variable, not a password
SECTIONS: tuple[str, ...] = tuple(dict.fromkeys(key.section for key in KEYS))
WEBHOOK_KEYS = ("url", "secret_file")
APPRISE_KEYS = ("url_file",)
SOURCE_KEYS = ("enabled", "interval")
