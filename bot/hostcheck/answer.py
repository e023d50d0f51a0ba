"""What the commands `check` and `users` print, and the status they end with."""

import json
from datetime import datetime
from typing import List, Optional, Tuple

from bot.hostcheck.matrix import Matrix
from bot.hostcheck.report import exit_code, render
from bot.hostcheck.users import read_users, users_document, users_text
from bot.hostcheck.verdict import check_host


def answer_check(ids: List[str], root: Optional[str], matrix: Matrix, form: str, now: datetime) -> Tuple[str, int]:
    """The report in a form (text | json | nagios | prometheus) and its exit status."""
    report = check_host(root, matrix, ids, now)
    return render(report, form), exit_code(report, form)


def answer_users(root: Optional[str], source: Optional[str], form: str) -> str:
    """The users of AF_ALG in a form (text | json)."""
    users = read_users(root, source)
    if form == "json":
        return json.dumps(users_document(users), indent=2, sort_keys=True) + "\n"
    return users_text(users)
