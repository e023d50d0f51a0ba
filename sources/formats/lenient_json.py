"""JSON with trailing commas (openEuler's CSAF files have them) made JSON: one bounded step before the decoder."""

from __future__ import annotations

import re

# A whole string, which is kept (one without an end runs to the end: the decoder says so), or a comma before a bracket.
# Possessive, and never tried twice at one place: linear, whatever the text.
_STRING_OR_COMMA = re.compile(rb'"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)|,(?=[ \t\r\n]*+[}\]])', re.DOTALL)


def without_trailing_commas(body: bytes) -> bytes:
    """`body` without the commas that stand before a closing bracket; what is inside strings stays as it is."""
    return _STRING_OR_COMMA.sub(lambda found: b"" if found[0] == b"," else found[0], body)
