"""Every other service (Slack, Discord, Mattermost, ntfy, Gotify, Mastodon, …) through the library Apprise."""

from bot.channels.apprise.channel import AppriseChannel, find_problem, open_apprise

__all__ = ["AppriseChannel", "find_problem", "open_apprise"]
