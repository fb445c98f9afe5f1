"""Resource ids: parsing, canonical spelling, and the lower-case key everything is looked up by."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RESOURCE = re.compile(
    r"^/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"/providers/(?P<provider>[^/]+)(?P<rest>(?:/[^/]+)+)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ResourceId:
    """The id of one resource: subscription, group, full type and one name per type segment."""

    subscription: str
    group: str
    type: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        provider, *types = self.type.split("/")
        pairs = "".join(f"/{kind}/{name}" for kind, name in zip(types, self.names, strict=True))
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{provider}{pairs}"

    @property
    def key(self) -> str:
        """The id in lower case: ARM ids are case-insensitive."""
        return str(self).lower()

    @property
    def name(self) -> str:
        """The last name, the resource's own."""
        return self.names[-1]

    @property
    def parent(self) -> ResourceId | None:
        """The id of the resource this one lives in, or None for a top-level one."""
        if len(self.names) == 1:
            return None
        return ResourceId(self.subscription, self.group, self.type.rpartition("/")[0], self.names[:-1])

    @property
    def group_key(self) -> str:
        """The key of the resource group it is in."""
        return group_key(self.subscription, self.group)


@dataclass(frozen=True, slots=True)
class Target:
    """What a path below a resource group's providers points at.

    With `tail` empty it is the resource `id`; else `tail` is the collection or action below it
    (for a collection directly in the group, `id` is None and `type` names it).
    """

    subscription: str
    group: str
    type: str
    id: ResourceId | None
    tail: str


def group_key(subscription: str, group: str) -> str:
    """The look-up key of a resource group."""
    return f"/subscriptions/{subscription}/resourcegroups/{group}".lower()


def parent_key(child_key: str) -> str:
    """The key of the resource that a child lives in, from the child's key or id."""
    return child_key.rsplit("/", 2)[0]


def parse_target(path: str) -> Target | None:
    """Split a path into the resource it names and the collection or action behind it."""
    found = _RESOURCE.match(path)
    if found is None:
        return None
    subscription, group, provider = found["subscription"], found["group"], found["provider"]
    segments = found["rest"].strip("/").split("/")
    types, names = segments[0::2], tuple(segments[1::2])
    if len(types) == len(names):
        kind = "/".join((provider, *types))
        return Target(subscription, group, kind, ResourceId(subscription, group, kind, names), "")
    owner = ResourceId(subscription, group, "/".join((provider, *types[:-1])), names) if names else None
    return Target(subscription, group, "/".join((provider, *types)), owner, types[-1])


def parse_id(text: str) -> ResourceId | None:
    """Read a resource id; None when the text is none."""
    target = parse_target(text)
    return target.id if target is not None and not target.tail else None


def last_segment(text: str) -> str:
    """The name at the end of an id."""
    return text.rstrip("/").rpartition("/")[2]
