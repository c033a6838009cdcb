"""API keys: how one is made, what is kept of it, how it is checked.

A key is `fp_<id>_<secret>`. The id is public: it finds the record, and lists and logs may show it. The secret is 256
random bits, of which only a salted HMAC-SHA256 is kept. That hash is fast on purpose: slow ones (argon2, bcrypt) make
guessing a password dear, but 2**256 secrets cannot be guessed at any speed, and a slow hash at every request would be a
way to bring the server to its knees without a key.
"""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Scope = Literal["pose", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`pose`: estimate and list models; `metrics`: read /metrics where it asks for a key; `admin`: load models. None holds
another."""

KEY = re.compile(r"fp_(?P<id>[0-9a-f]{8})_(?P<secret>[A-Za-z0-9_-]{43})")
SECRET_BYTES = 32

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]+$")]


class Limits(BaseModel):
    """What one key may use; None: as much as the server gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    burst: int | None = Field(default=None, gt=0)
    max_in_flight: int | None = Field(default=None, gt=0)


class KeyRecord(BaseModel):
    """What is kept of a key: nothing that would let anybody in.

    Attributes:
        id: its public part, 8 hex digits.
        name: whose it is; stands in logs and metrics.
        salt: 16 random bytes in hex.
        sha256: HMAC-SHA256 of the secret under the salt, in hex.
        scopes: what it is for.
        limits: what it may use.
        created: when, ISO 8601.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[Hex, Field(min_length=8, max_length=8)]
    name: Name
    salt: Annotated[Hex, Field(min_length=32, max_length=32)]
    sha256: Annotated[Hex, Field(min_length=64, max_length=64)]
    scopes: tuple[Scope, ...] = ("pose",)
    limits: Limits = Limits()
    created: str = ""

    def matches(self, secret: str) -> bool:
        """Whether this is the key's secret; takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(self.sha256, _hash(self.salt, secret))


class KeyText(NamedTuple):
    """A key as it was sent, taken apart."""

    id: str
    secret: str


def make_key(name: str, scopes: tuple[Scope, ...], limits: Limits) -> tuple[str, KeyRecord]:
    """A new key: its text, which nobody can find out again, and what is kept of it.

    Raises:
        pydantic.ValidationError: the name is not 1 to 64 letters, digits, dots, dashes and underscores.
    """
    key_id, secret, salt = secrets.token_hex(4), secrets.token_urlsafe(SECRET_BYTES), secrets.token_hex(16)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    record = KeyRecord(
        id=key_id, name=name, salt=salt, sha256=_hash(salt, secret), scopes=scopes, limits=limits, created=created
    )
    return f"fp_{key_id}_{secret}", record


def read_key(text: str) -> KeyText | None:
    """Take a key apart; None if it does not look like one."""
    match = KEY.fullmatch(text)
    return KeyText(match["id"], match["secret"]) if match else None


def _hash(salt: str, secret: str) -> str:
    return hmac.new(bytes.fromhex(salt), secret.encode(), hashlib.sha256).hexdigest()
