"""Links that keep a box: signed by us, good for one deadline of one box, and for one use.

Whoever has the link may read what would happen to the box; using it lengthens the lease, or holds the box, for a
while. It names nothing that could be guessed or altered, and ends with the deadline it is about. Pure: the secret and
the clock are handed in, and that a link is used once is its user's to remember, by ``mark``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime

LEAST_SECRET_BYTES = 32
LONGEST = 600
"""Characters: a link's token is far shorter."""


class BadLink(Exception):
    """The link was not made here, was changed on its way, or is too old."""


@dataclass(frozen=True, slots=True)
class Keep:
    """What a link is about: a box (this very one: ``incarnation``), and the deadline that it would put off."""

    stack: str
    box: str
    incarnation: str
    kind: str
    """``lease`` or ``cut``."""
    until: datetime
    """When the deadline takes effect (aware UTC, whole seconds): the link is good until then."""

    def token(self, secret: bytes) -> str:
        """Sign it. Raises ValueError for a secret that is too short to sign with."""
        said = json.dumps([self.stack, self.box, self.incarnation, self.kind, int(self.until.timestamp())])
        body = _text(said.encode())
        return f"{body}.{_text(_signature(body, secret))}"

    @property
    def mark(self) -> str:
        """The name under which its one use is remembered."""
        said = f"{self.stack}|{self.box}|{self.incarnation}|{self.kind}|{self.until.timestamp():.0f}"
        return hashlib.sha256(said.encode()).hexdigest()[:32]


def read(token: str, secret: bytes, now: datetime) -> Keep:
    """Read a link's token. Raises BadLink with a reason for people."""
    body, _, signature = token.partition(".")
    if len(token) > LONGEST or not hmac.compare_digest(signature.encode(), _text(_signature(body, secret)).encode()):
        raise BadLink("this link was not made by this app, or was changed on its way")
    stack, box, incarnation, kind, until = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    keep = Keep(stack, box, incarnation, kind, datetime.fromtimestamp(until, UTC))
    if now >= keep.until:
        raise BadLink("this link was good until the deadline that it is about, which has passed")
    return keep


def _signature(body: str, secret: bytes) -> bytes:
    if len(secret) < LEAST_SECRET_BYTES:
        raise ValueError(f"a secret of {LEAST_SECRET_BYTES} bytes or more is needed to sign links")
    return hmac.new(secret, b"keep." + body.encode(), hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
