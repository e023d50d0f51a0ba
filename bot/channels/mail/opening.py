"""The mail channel that the configuration describes."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime

import structlog

from bot.channels.mail.channel import MailChannel
from bot.channels.mail.connection import Connections, Mta
from bot.channels.mail.writing import Sender, Writer
from bot.config import Config, ConfigError
from bot.digest.address import AddressError
from bot.digest.bounce import BOUNCES
from bot.digest.keys import KeyFileError, MailKeys, load_keys
from bot.redact import redact_text
from storage import mail
from storage.delivery import DueDestination
from storage.store import Store

log = structlog.get_logger("patchwatch")


def read_sender(config: Config) -> Sender:
    """`[mail] from`. Raises ConfigError."""
    try:
        return Sender.parse(config.text("mail", "from"))
    except AddressError:
        raise ConfigError("[mail] from must be the address that mail comes from (bot@example.org)") from None


def read_keys(config: Config) -> MailKeys:
    """Raises ConfigError."""
    try:
        return load_keys(config.data_dir)
    except KeyFileError as error:
        raise ConfigError(f"mail: {error}") from None


def make_writer(config: Config, sender: Sender, keys: MailKeys) -> Writer:
    """With `[web] base_url` for the links, and one click where `[mail] dkim` says that it is signed."""
    base_url = config.text("web", "base_url").rstrip("/")
    return Writer(sender, keys, base_url=base_url, signed=config.flag("mail", "dkim"))


def open_mail(store: Store, config: Config, *, tls: ssl.SSLContext | None = None) -> MailChannel | None:
    """None when no MTA is configured, which the log says. Raises ConfigError."""
    host = config.text("mail", "host")
    if not host:
        log.info("mail is off: no host is configured")
        return None
    sender, keys = read_sender(config), read_keys(config)
    user, starttls, port = config.text("mail", "user"), config.flag("mail", "starttls"), config.number("mail", "port")
    if user and not starttls and port != 465 and not _is_here(host):
        raise ConfigError("[mail] starttls is off: the password would cross the network unencrypted")
    mta = Mta(
        host=host,
        port=port,
        hello=sender.domain,
        starttls=starttls,
        user=user,
        password=config.smtp_password if user else "",
        tls=tls,
    )

    def failed(destination: DueDestination, message: str, text: str, gone: bool) -> bool:
        """Delivery disables the reader; here the address is kept from signing up again."""
        now = datetime.now(UTC)
        with store.write() as connection:
            number = mail.count_bounce(connection, destination.id, report=message, at=now)
            if ended := gone or number >= BOUNCES:
                mail.suppress(connection, keys.hash_address(destination.address), redact_text(text), at=now)
        return ended

    return MailChannel(Connections(mta), make_writer(config, sender, keys), failed=failed)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
