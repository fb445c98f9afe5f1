"""What a request for a box may say."""

from __future__ import annotations

import base64

import pytest

from lifecycle.asks import BoxAsk, check
from lifecycle.model import Login, Outbound
from lifecycle.people import Person, Role
from lifecycle.refusals import Forbidden, Unwanted
from lifecycle.timetable import Timetable
from tests.examples import DAY, MINUTE, NOON, SETTINGS
from tests.world.tables import MemoryTables

BLOB = base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519" + b"\x00\x00\x00\x20" + b"k" * 32).decode()
KEY = f"ssh-ed25519 {BLOB} alice@example.com"
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----"


async def asked(ask: BoxAsk) -> None:
    await check(ask, SETTINGS, Timetable(MemoryTables(), "Etc/UTC"), NOON)


WELCOME = [
    BoxAsk(),
    BoxAsk(hours=14 * 24, schedule="always", vm_size="Standard_D4s_v5", region="westeurope"),
    BoxAsk(login=Login.KEY, ssh_public_key=KEY, outbound=Outbound.NONE),
    BoxAsk(ssh_public_key=KEY),
    BoxAsk(start_at=NOON - 5 * MINUTE),
    BoxAsk(start_at=NOON + 90 * DAY),
    BoxAsk(until=NOON + 15 * MINUTE),
    BoxAsk(until=NOON + 14 * DAY),
    BoxAsk(start_at=NOON + DAY, until=NOON + 15 * DAY),
]


@pytest.mark.parametrize("ask", WELCOME)
async def test_what_keeps_the_rules_is_welcome(ask: BoxAsk) -> None:
    await asked(ask)


UNWANTED = [
    (BoxAsk(hours=14 * 24 + 0.5), "hours", "must not be more than 336"),
    (BoxAsk(schedule="night-shift"), "schedule", "there is no schedule night-shift; there are always, never, office"),
    (BoxAsk(vm_size="Standard_M128s"), "vmSize", "must be one of Standard_D2s_v5"),
    (BoxAsk(region="eastus"), "region", "must be one of westeurope"),
    (BoxAsk(start_at=NOON - 6 * MINUTE), "startAt", "must lie between now and 90 days ahead"),
    (BoxAsk(start_at=NOON + 91 * DAY), "startAt", "must lie between now and 90 days ahead"),
    (BoxAsk(until=NOON + DAY, hours=8), "until", "goes without hours"),
    (BoxAsk(until=NOON + 14 * MINUTE), "until", "must lie at least 15 minutes and at most 336 hours after the start"),
    (
        BoxAsk(until=NOON + 14 * DAY + MINUTE),
        "until",
        "must lie at least 15 minutes and at most 336 hours after the start",
    ),
    (BoxAsk(until=NOON + DAY, start_at=NOON + DAY), "until", "must lie at least 15 minutes"),
    (BoxAsk(login=Login.KEY), "sshPublicKey", "is required with login key"),
    (BoxAsk(login=Login.ENTRA, ssh_public_key=KEY), "sshPublicKey", "goes with login key only"),
    (BoxAsk(outbound=Outbound.NONE), "outbound", "none cuts Entra login off"),
    (BoxAsk(ssh_public_key="ssh-ed25519"), "sshPublicKey", "must be one line of OpenSSH public key"),
    (BoxAsk(ssh_public_key=f"ssh-dss {BLOB}"), "sshPublicKey", "must be one line of OpenSSH public key"),
    (BoxAsk(ssh_public_key=f"ssh-rsa {BLOB}"), "sshPublicKey", "must be one line of OpenSSH public key"),
    (BoxAsk(ssh_public_key="ssh-rsa not*base64"), "sshPublicKey", "must be one line of OpenSSH public key"),
    (BoxAsk(ssh_public_key=f"{KEY}\n{KEY}"), "sshPublicKey", "must be one line of OpenSSH public key"),
    (BoxAsk(ssh_public_key=KEY + "x" * 9000), "sshPublicKey", "must be one line of OpenSSH public key"),
    (BoxAsk(ssh_public_key=PRIVATE), "sshPublicKey", "must be one line of OpenSSH public key"),
]


@pytest.mark.parametrize(("ask", "field", "rule"), UNWANTED)
async def test_what_breaks_a_rule_is_refused_with_field_and_rule(ask: BoxAsk, field: str, rule: str) -> None:
    with pytest.raises(Unwanted) as caught:
        await asked(ask)
    assert caught.value.field == field
    assert caught.value.rule.startswith(rule)


async def test_a_private_key_pasted_by_mistake_is_not_repeated() -> None:
    with pytest.raises(Unwanted) as caught:
        await asked(BoxAsk(ssh_public_key=PRIVATE))
    assert "b3BlbnNz" not in str(caught.value)


@pytest.mark.parametrize("has", Role)
@pytest.mark.parametrize("needs", Role)
def test_each_role_may_what_the_smaller_ones_may(has: Role, needs: Role) -> None:
    if has >= needs:
        Person("alice", has).must_be(needs)
        return
    with pytest.raises(Forbidden, match=needs.name.lower()):
        Person("alice", has).must_be(needs)


@pytest.mark.parametrize(
    ("person", "role", "may"),
    [
        ("alice", Role.READER, False),
        ("alice", Role.USER, True),
        ("bob", Role.USER, False),
        ("bob", Role.OPERATOR, True),
        ("bob", Role.ADMIN, True),
    ],
)
def test_a_box_is_its_owners_and_the_operators(person: str, role: Role, *, may: bool) -> None:
    if may:
        Person(person, role).must_own("alice", "main/one")
        return
    with pytest.raises(Forbidden):
        Person(person, role).must_own("alice", "main/one")
