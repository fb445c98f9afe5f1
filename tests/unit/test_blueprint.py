"""The parts of a stack: names that never meet, bodies that say whose they are, and what keeps each machine private."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.blueprint import (
    ADDRESS,
    BASTION,
    NAT,
    NAT_ADDRESS,
    NSG_BASTION,
    NSG_FRONTEND,
    VNET,
    BoxWish,
    Part,
    Want,
    blueprint,
)
from lifecycle.bodies import DRAIN_RULE, subnets
from lifecycle.estate import vm_name
from lifecycle.model import Kind, Level, Login, Outbound, Sku
from tests.examples import BOX, ESTATE, STACK, at, parts_of
from tests.strategies import names

ENTRA = replace(BOX, login=Login.ENTRA)
BY_NAT = replace(STACK, outbound=Outbound.NAT)


def everything() -> dict[str, Part]:
    return parts_of(ENTRA, replace(BOX, name="two"), stack=BY_NAT)


def properties(part: Part) -> dict[str, Any]:
    found: dict[str, Any] = part.body["properties"]
    return found


@given(st.lists(st.tuples(names, names), min_size=2, max_size=12, unique=True))
@settings(max_examples=80, deadline=None)
def test_no_two_boxes_of_any_stacks_share_a_name(places: list[tuple[str, str]]) -> None:
    machines = {vm_name(stack, box).lower() for stack, box in places}
    assert len(machines) == len(places)
    assert all(len(name) <= 64 for name in machines)


@given(names, names)
@settings(max_examples=100, deadline=None)
def test_a_box_and_a_stack_never_share_a_name_within_a_type(stack: str, box: str) -> None:
    wishes = [BoxWish(replace(ENTRA, name=box), Level.OPEN, built=True, net_at=None)]
    first = blueprint(ESTATE, stack, BY_NAT, wishes, door=True, closing=False)
    again = blueprint(ESTATE, stack, BY_NAT, wishes, door=True, closing=False)
    ids = [part.arm_id.lower() for part in first.values()]
    assert len(set(ids)) == len(ids)
    assert first == again


@given(names, names)
@settings(max_examples=100, deadline=None)
def test_azure_takes_every_name(stack: str, box: str) -> None:
    wishes = [BoxWish(replace(ENTRA, name=box), Level.OPEN, built=True, net_at=None)]
    for part in blueprint(ESTATE, stack, BY_NAT, wishes, door=True, closing=False).values():
        name = part.arm_id.rpartition("/")[2]
        assert name[0].isalnum()
        assert name[-1].isalnum()
        assert len(name) <= 80 + len("shutdown-computevm-")


def test_long_names_that_begin_alike_stay_apart() -> None:
    stack, box = "s" * 40, "b" * 39
    assert vm_name(stack, box + "x") != vm_name(stack, box + "y")
    assert vm_name("a-b", "c") != vm_name("a", "b-c")


def test_everything_that_takes_tags_carries_ours() -> None:
    for key, part in everything().items():
        assert part.body["tags"].items() >= {
            "managed-by": "jumpbox-lifecycle", "stack": "main", "deployment": "test"
        }.items(), key  # fmt: skip
        assert part.box is None or part.body["tags"].items() >= {"box": part.box, "owner": "alice"}.items()


def test_the_tags_of_the_house_are_written_and_never_in_place_of_ours() -> None:
    estate = replace(ESTATE, extra_tags={"cost-center": "42", "stack": "mine", "owner": "nobody", "box": "x"})
    wishes = [BoxWish(BOX, Level.OPEN, built=True, net_at=None)]
    parts = blueprint(estate, "main", STACK, wishes, door=True, closing=False)
    assert {part.body["tags"]["cost-center"] for part in parts.values()} == {"42"}
    assert {part.body["tags"]["stack"] for part in parts.values()} == {"main"}
    assert parts["vm!one"].body["tags"]["owner"] == "alice"


def test_an_owner_longer_than_a_tag_may_be_is_cut() -> None:
    assert len(parts_of(replace(BOX, owner="o" * 300))["vm!one"].body["tags"]["owner"]) == 256


def test_nothing_of_a_machine_outlives_it() -> None:
    machine = properties(everything()["vm!one"])
    assert machine["storageProfile"]["osDisk"]["deleteOption"] == "Delete"
    assert [nic["properties"]["deleteOption"] for nic in machine["networkProfile"]["networkInterfaces"]] == ["Delete"]


def test_no_machine_has_a_public_address() -> None:
    for part in everything().values():
        if part.kind in (Kind.NIC, Kind.VM):
            assert "publicip" not in json.dumps(part.body).lower()


def test_only_the_door_and_the_gateway_have_an_address_and_it_is_static_and_standard() -> None:
    addresses = {key: part for key, part in everything().items() if part.kind is Kind.ADDRESS}
    assert set(addresses) == {ADDRESS, NAT_ADDRESS}
    for part in addresses.values():
        assert part.body["sku"] == {"name": "Standard", "tier": "Regional"}
        assert properties(part) == {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"}


@given(st.integers(0, 2**16 - 1), st.integers(8, 25))
@settings(max_examples=100, deadline=None)
def test_every_range_holds_a_bastion_subnet_and_a_frontend_that_do_not_meet(start: int, prefix: int) -> None:
    network = IPv4Network((f"10.{start >> 8}.{start & 255}.0", prefix), strict=False)
    frontend, bastion = subnets(str(network))
    assert bastion.prefixlen <= 26
    assert not frontend.overlaps(bastion)
    assert frontend.subnet_of(network)
    assert bastion.subnet_of(network)


@pytest.mark.parametrize("small", ["10.0.0.0/26", "10.0.0.0/32", "fd00::/64"])
def test_a_range_too_small_for_both_is_refused(small: str) -> None:
    with pytest.raises(ValueError, match="a stack needs a /25 or larger"):
        subnets(small)


def test_bastions_subnet_has_its_name_its_group_and_no_way_out_of_its_own() -> None:
    frontend, bastion = properties(everything()[VNET])["subnets"]
    assert bastion["name"] == "AzureBastionSubnet"
    assert set(bastion["properties"]) == {"addressPrefix", "networkSecurityGroup"}
    assert ip_network(bastion["properties"]["addressPrefix"]).prefixlen == 26
    assert frontend["name"] == "frontend"
    assert frontend["properties"]["networkSecurityGroup"]["id"].endswith("jb-main-frontend-nsg")


# direction, protocol, source, destination, ports: Microsoft's list for AzureBastionSubnet
REQUIRED = {
    ("Inbound", "Tcp", "Internet", "*", ("443",)),
    ("Inbound", "Tcp", "GatewayManager", "*", ("443",)),
    ("Inbound", "Tcp", "AzureLoadBalancer", "*", ("443",)),
    ("Inbound", "*", "VirtualNetwork", "VirtualNetwork", ("8080", "5701")),
    ("Outbound", "*", "*", "VirtualNetwork", ("22", "3389")),
    ("Outbound", "Tcp", "*", "AzureCloud", ("443",)),
    ("Outbound", "*", "VirtualNetwork", "VirtualNetwork", ("8080", "5701")),
    ("Outbound", "*", "*", "Internet", ("80",)),
}


def rules(part: Part) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = properties(part)["securityRules"]
    return found


def test_bastions_group_has_every_rule_that_azure_requires() -> None:
    found = [rule["properties"] for rule in rules(everything()[NSG_BASTION])]
    assert {
        (
            rule["direction"],
            rule["protocol"],
            rule["sourceAddressPrefix"],
            rule["destinationAddressPrefix"],
            tuple(rule["destinationPortRanges"]),
        )
        for rule in found
    } == REQUIRED
    assert {rule["access"] for rule in found} == {"Allow"}
    places = [(rule["direction"], rule["priority"]) for rule in found]
    assert len(set(places)) == len(places)


def test_ssh_and_rdp_come_from_bastions_subnet_and_nowhere_else() -> None:
    allow, deny = (rule["properties"] for rule in rules(everything()[NSG_FRONTEND]))
    assert (allow["access"], allow["sourceAddressPrefix"]) == ("Allow", "10.64.3.0/26")
    assert (deny["access"], deny["sourceAddressPrefix"]) == ("Deny", "*")
    assert allow["priority"] < deny["priority"]
    assert allow["destinationPortRanges"] == deny["destinationPortRanges"] == ["22", "3389"]


def test_a_drained_stack_differs_by_the_deny_rule_and_by_nothing_else() -> None:
    drained, before = parts_of(closing=True), parts_of()
    first, *rest = rules(drained[NSG_FRONTEND])
    assert first["name"] == DRAIN_RULE
    assert first["properties"]["access"] == "Deny"
    assert first["properties"]["sourceAddressPrefix"] == "10.64.3.0/26"
    assert all(first["properties"]["priority"] < rule["properties"]["priority"] for rule in rest)
    assert rest == rules(before[NSG_FRONTEND])
    assert {key for key in before if drained[key] != before[key]} == {NSG_FRONTEND}


@pytest.mark.parametrize("sku", Sku)
def test_the_sku_is_always_said_since_azure_would_choose_standard(sku: Sku) -> None:
    assert parts_of(stack=replace(STACK, sku=sku))[BASTION].body["sku"] == {"name": sku.value}


@pytest.mark.parametrize(
    ("outbound", "implicit", "gateway"),
    [(Outbound.NONE, False, False), (Outbound.DEFAULT, True, False), (Outbound.NAT, False, True)],
)
def test_the_way_out_is_an_explicit_choice(outbound: Outbound, *, implicit: bool, gateway: bool) -> None:
    parts = parts_of(stack=replace(STACK, outbound=outbound))
    frontend = properties(parts[VNET])["subnets"][0]["properties"]
    assert frontend["defaultOutboundAccess"] is implicit
    assert ("natGateway" in frontend) is gateway
    assert (NAT in parts) is gateway


WANTS = [
    (Level.OPEN, False, Want.PRESENT, Want.PRESENT, Want.PRESENT),
    (Level.WARM, False, Want.PRESENT, Want.PRESENT, Want.ABSENT),
    (Level.PARKED, False, Want.KEEP, Want.KEEP, Want.ABSENT),
    (Level.GONE, False, Want.ABSENT, Want.ABSENT, Want.ABSENT),
    (Level.WARM, True, Want.PRESENT, Want.PRESENT, Want.KEEP),
    (Level.PARKED, True, Want.KEEP, Want.KEEP, Want.KEEP),
    (Level.GONE, True, Want.ABSENT, Want.ABSENT, Want.ABSENT),
]


@pytest.mark.parametrize(("level", "keeps", "network", "machine", "address"), WANTS)
def test_what_is_wanted_follows_from_the_level(
    level: Level, network: Want, machine: Want, address: Want, *, keeps: bool
) -> None:
    parts = parts_of(stack=replace(STACK, keep_public_ip=keeps), level=level)
    assert (parts[VNET].want, parts["vm!one"].want, parts[ADDRESS].want) == (network, machine, address)
    assert parts[BASTION].want is (Want.PRESENT if level is Level.OPEN else Want.ABSENT)
    assert parts["vm!one"].running is {Want.PRESENT: True, Want.KEEP: False, Want.ABSENT: None}[machine]


def test_a_parked_box_that_was_never_built_asks_for_no_network() -> None:
    assert parts_of(level=Level.PARKED, built=False)[VNET].want is Want.ABSENT


def test_azures_own_shutdown_is_off_while_no_time_of_day_is_safe() -> None:
    off, on = (properties(parts_of(net_at=net_at)["shutdown!one"]) for net_at in (None, at("21:30")))
    assert off["status"] == "Disabled"
    assert (on["status"], on["dailyRecurrence"], on["timeZoneId"]) == ("Enabled", {"time": "2130"}, "UTC")


def test_only_entra_login_needs_the_extension_and_a_key_is_never_private() -> None:
    assert "login!one" in everything()
    assert "login!two" not in everything()
    machine = properties(everything()["vm!two"])["osProfile"]["linuxConfiguration"]
    assert machine["disablePasswordAuthentication"] is True
    assert machine["ssh"]["publicKeys"][0]["keyData"] == BOX.ssh_public_key
