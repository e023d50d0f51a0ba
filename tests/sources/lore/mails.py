"""Mails as lists carry them, in our own words about what happened to the fix of CVE-2026-31431."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from tests.servers.inbox import Received

START = 1_777_000_000  # 2026-04-24T03:06:40Z
TITLE = "crypto: algif_aead - Revert to operating out-of-place"

DIFF = """\
Why and how.

Signed-off-by: Herbert Xu <herbert@gondor.apana.org.au>
---
 crypto/algif_aead.c | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/crypto/algif_aead.c b/crypto/algif_aead.c
index 1111111..2222222 100644
--- a/crypto/algif_aead.c
+++ b/crypto/algif_aead.c
@@ -1,2 +1,2 @@
 one
-two
+three
"""


def mail(
    msgid: str,
    subject: str = f"[PATCH] {TITLE}",
    body: str = "Text.",
    *,
    parent: str | None = None,
    at: int = START,
    name: str = "linux-crypto",
    more: str = "",
) -> Received:
    """A mail of the list `name`, received at `at` seconds; `more`: further header lines."""
    fields = [
        "From: Herbert Xu <herbert@gondor.apana.org.au>",
        f"Subject: {subject}",
        f"Message-ID: <{msgid}>",
        f"Date: {format_datetime(datetime.fromtimestamp(at, tz=UTC))}",
        f"List-Id: <{name}.vger.kernel.org>",
    ]
    if parent is not None:
        fields.append(f"In-Reply-To: <{parent}>")
    text = "\n".join(fields) + f"\n{more}\n{body}\n"
    return Received(raw=text.encode(), at=at)
