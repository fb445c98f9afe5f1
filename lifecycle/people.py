"""Who asks, and what they may: roles grow from reader to admin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from lifecycle.refusals import Forbidden


class Role(IntEnum):
    """What a person may do; each may all that the ones before may."""

    NONE = 0
    READER = 1
    USER = 2
    OPERATOR = 3
    ADMIN = 4


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the platform has authenticated; ``name`` is their sign-in name, lower-case."""

    name: str
    role: Role

    def must_be(self, role: Role) -> None:
        """Refuse who has a smaller role. Raises Forbidden."""
        if self.role < role:
            raise Forbidden(f"this needs the role {role.name.lower()}; you have {self.role.name.lower()}")

    def must_own(self, owner: str, what: str) -> None:
        """Refuse who neither owns it nor is an operator. Raises Forbidden."""
        self.must_be(Role.USER)
        if self.name != owner and self.role < Role.OPERATOR:
            raise Forbidden(f"{what} belongs to {owner}; only they or an operator may do this")
