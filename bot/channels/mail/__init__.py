"""Mail: digests, urgent news and confirmations, over the operator's own MTA."""

from bot.channels.mail.channel import MailChannel
from bot.channels.mail.opening import open_mail

__all__ = ["MailChannel", "open_mail"]
