"""THE list: where the simulator does not answer as recorded, and why. `docs/simulator.md` has the same rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What the simulator's surface leaves out, by a part of the path: what is not sent to it at all.
NOT_COVERED = {
    "/publishers/": "the catalogue of images",
    "/Microsoft.Resources/deployments/": "template deployments",
}


@dataclass(frozen=True)
class Difference:
    """One difference: in which exchanges, at which place (a JSON path or a header; `*` is anything), and why."""

    recording: str
    numbers: tuple[int, ...]
    place: str
    reason: str

    def covers(self, recording: str, number: int, place: str) -> bool:
        """Whether this is what was found there."""
        pattern = ".*".join(re.escape(part) for part in self.place.split("*"))
        return (recording, number in self.numbers) == (self.recording, True) and re.fullmatch(
            pattern, place
        ) is not None

    @property
    def row(self) -> str:
        """The row of the table in the docs."""
        numbers = ", ".join(str(number) for number in self.numbers)
        return f"| {self.recording} {numbers} | `{self.place}` | {self.reason} |"


_PARTIAL = "the recording keeps five of the provider's types and marks that with a key of its own"
_OTHERS = "the recording has the bastions of other people, reduced to a few properties"
_UNREAD = "the first properties of this answer were not read"

DIFFERENCES = (
    Difference("bastion_host_crud", (16,), "$._partial", _PARTIAL),
    Difference("bastion_host_crud", (16,), "$.resourceTypes", _PARTIAL),
    Difference(
        "bastion_host_crud",
        (16,),
        "$.resourceTypes[*].apiVersions*",
        "a few dates are listed; every known date is accepted",
    ),
    Difference(
        "bastion_host_crud", (16,), "$.resourceTypes[*].defaultApiVersion", "no date is better than another here"
    ),
    Difference(
        "bastion_host_crud", (16,), "$.resourceTypes[*].apiProfiles", "profiles of Azure Stack are not simulated"
    ),
    Difference("bastion_host_crud", (16,), "$.resourceTypes[*].locations*", "fewer regions are simulated"),
    Difference("bastion_host_crud", (16,), "$.resourceTypes[*].zoneMappings", "zones are not simulated"),
    Difference(
        "bastion_host_crud",
        (28,),
        "$.tags.platformsettings.*",
        "a policy of that subscription adds this tag; the switch `addedTags` plays such policies",
    ),
    Difference("bastion_host_crud", (56,), "$._omitted", _OTHERS),
    Difference("bastion_host_crud", (56,), "$.value*", _OTHERS),
    Difference(
        "cli_network_vnet_2023", (5,), "header azure-asyncoperation", "the first headers of this answer were not read"
    ),
    Difference(
        "cli_vm_state_modifications_2025",
        (1,),
        "$.properties.instanceView.computerName",
        "what an agent makes of the name is the image's affair; here it is the name that was asked for",
    ),
    Difference(
        "cli_vm_state_modifications_2025",
        (1,),
        "$.properties.instanceView.osVersion",
        "the release inside an image is not known to its name",
    ),
    Difference("cli_vm_state_modifications_2025", (6,), "$.id", _UNREAD),
    Difference("cli_vm_state_modifications_2025", (6,), "$.name", _UNREAD),
    Difference("cli_vm_state_modifications_2025", (6,), "$.type", _UNREAD),
    Difference("cli_vm_state_modifications_2025", (6,), "$.location", _UNREAD),
    Difference("cli_vm_state_modifications_2025", (6,), "$.tags", _UNREAD),
)
