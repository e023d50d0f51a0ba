"""Feeds out: entries from stored changes, written as RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1."""
