"""What an image brings along: its operating system's name and version, and the generation of machine it runs on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.arm.wire import Json

_VERSION = re.compile(r"(\d+)[._](\d+)")


def os_version(image: Json) -> str:
    """The version in an image's name, such as 18.04 of "18.04-LTS" or 24.04 of "ubuntu-24_04-lts"."""
    for part in ("sku", "offer"):
        found = _VERSION.search(str(image.get(part, "")))
        if found is not None:
            return f"{found[1]}.{found[2]}"
    return "22.04"


def os_name(image: Json) -> str:
    """The system's name as its agent reports it (recorded: ubuntu, centos)."""
    publisher, offer = str(image.get("publisher", "Canonical")), str(image.get("offer", ""))
    return "ubuntu" if publisher.lower() == "canonical" else offer.lower()


def generation(image: Json) -> str:
    """V1, as recorded of older images, or V2, which a name says ("gen2") or a newer "server" means."""
    sku = str(image.get("sku", "")).lower()
    return "V2" if "gen2" in sku or (sku.startswith("server") and "gen1" not in sku) else "V1"
