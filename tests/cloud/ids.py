"""ARM ids that the tests speak of: changes when a kind is added."""

from __future__ import annotations

from lifecycle.model import Kind
from tests.cloud.conftest import GROUP, SUBSCRIPTION

NAMES = {kind: f"the-{kind.name.lower()}" for kind in Kind}


def id_of(kind: Kind, group: str = GROUP) -> str:
    provider, *types = kind.value.split("/")
    parents = {Kind.EXTENSION: [NAMES[Kind.VM]], Kind.PEERING: [NAMES[Kind.VNET]]}
    names = [*parents.get(kind, []), NAMES[kind]]
    rest = "/".join(f"{each}/{name}" for each, name in zip(types, names, strict=True))
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{provider}/{rest}"


VM = id_of(Kind.VM)
BASTION = id_of(Kind.BASTION)
