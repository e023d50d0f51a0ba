"""From changes to messages that every channel can show: plain text with a few marks, frozen as JSON."""
