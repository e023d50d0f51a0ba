"""Gets the matrix from a file or an address the operator named, and has its detached signature checked.

ssh-keygen -Y verify (allowed signers file, namespace "patchwatch-matrix") or gpgv (keyring) do the checking.
"""

import os
import subprocess
from datetime import timedelta
from typing import NamedTuple, Optional, Tuple

from bot.hostcheck.matrix import AGE_LIMIT, MATRIX_LIMIT, Matrix, MatrixError, parse_matrix

NAMESPACE = "patchwatch-matrix"
TIMEOUT = 20.0
SIGNATURE_LIMIT = 65536


class MatrixSource(NamedTuple):
    """Where the matrix is, and which key must have signed it (at most one of the two)."""

    address: str
    allowed_signers: str = ""
    identity: str = "patchwatch"
    keyring: str = ""
    signature: str = ""
    age_limit: timedelta = AGE_LIMIT


def load_matrix(source: MatrixSource) -> Matrix:
    """The matrix, its signature checked when a key was named. Raises MatrixError."""
    content = _load(source.address, MATRIX_LIMIT)
    signer = _verify(source, content) if source.allowed_signers or source.keyring else "not asked"
    matrix = parse_matrix(content, source.address)
    return matrix._replace(signature=signer, age_limit=source.age_limit)


def _load(address: str, limit: int) -> bytes:
    if address.startswith("https://"):
        return _fetch(address, limit)
    if "://" in address:
        raise MatrixError("{} is not an https address".format(address))
    try:
        with open(address, "rb") as stream:  # noqa: PTH123  # one spelling for files, read the same in 3.6
            content = stream.read(limit + 1)
    except (OSError, ValueError) as failure:
        raise MatrixError("{} cannot be read: {}".format(address, failure)) from failure
    if len(content) > limit:
        raise MatrixError("{} is longer than {} bytes".format(address, limit))
    return content


def _fetch(address: str, limit: int) -> bytes:
    """The answer of one https address. Raises MatrixError; a redirect is refused, the operator named one address."""
    import urllib.error  # here: with its ssl it is most of what the check would load
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: object, fp: object, code: int, msg: str, headers: object, newurl: str) -> None:
            """Refuses."""

    opener = urllib.request.build_opener(NoRedirect())
    request = urllib.request.Request(  # noqa: S310  # _load lets https alone through
        address, headers={"User-Agent": "patchwatch-check"}
    )
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            content: bytes = answer.read(limit + 1)
    except (urllib.error.URLError, OSError, ValueError) as failure:
        raise MatrixError("{} cannot be fetched: {}".format(address, failure)) from failure
    if len(content) > limit:
        raise MatrixError("{} is longer than {} bytes".format(address, limit))
    return content


def _verify(source: MatrixSource, content: bytes) -> str:
    suffix = ".sig" if source.allowed_signers else ".asc"
    signature = _load(source.signature or source.address + suffix, SIGNATURE_LIMIT)
    if source.allowed_signers:
        command = ["ssh-keygen", "-Y", "verify", "-f", source.allowed_signers, "-I", source.identity, "-n", NAMESPACE]
        code, words = _run_with_signature([*command, "-s"], signature, content)
    else:
        code, words = _run_with_signature(["gpgv", "--keyring", _keyring(source.keyring)], signature, content, "-")
    if code != 0:
        raise MatrixError("the signature of {} is not good: {}".format(source.address, words or "refused"))
    return "good ({})".format(source.identity if source.allowed_signers else "gpgv")


def _keyring(path: str) -> str:
    return path if "/" in path else "./" + path


def _run_with_signature(
    command: "list[str]", signature: bytes, content: bytes, last: Optional[str] = None
) -> Tuple[int, str]:
    """Hands the signature over by a pipe's number, so that nothing is written anywhere."""
    reader, writer = os.pipe()
    try:
        os.write(writer, signature[: SIGNATURE_LIMIT - 1])
        os.close(writer)
        full = [*command, "/dev/fd/{}".format(reader), *([last] if last else [])]
        done = subprocess.run(
            full, input=content, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, pass_fds=(reader,),
            check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise MatrixError("{} cannot check the signature: {}".format(command[0], failure)) from failure
    finally:
        os.close(reader)
    lines = done.stdout.decode("utf-8", "replace").split("\n")
    return done.returncode, " ".join(line.strip() for line in lines if line.strip())[:200]
