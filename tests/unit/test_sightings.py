"""What an ARM body says: there or not, ours or not, in order or not, and how it differs from what it should be."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from lifecycle.blueprint import ADDRESS, BASTION, NSG_BASTION, NSG_FRONTEND, VNET, Part
from lifecycle.bodies import DRAIN_RULE
from lifecycle.model import Outbound, Power, Seen, Sighting
from lifecycle.sightings import digest_of, is_ours, merged, sight
from tests.examples import BOX, NOON, STACK, at, parts_of

PARTS = parts_of(stack=replace(STACK, outbound=Outbound.NAT))
DRAINED = parts_of(closing=True)
VM, DISK, NIC = PARTS["vm!one"], PARTS["disk!one"], PARTS["nic!one"]


def body_of(part: Part, **properties: Any) -> dict[str, Any]:
    """Show a part as Azure does: what was asked for, and what Azure adds."""
    body: dict[str, Any] = deepcopy(dict(part.body))
    body |= {"id": part.arm_id, "etag": 'W/"1"'}
    body["properties"] = {**body.get("properties", {}), "provisioningState": "Succeeded", **properties}
    return body


def look(part: Part, body: dict[str, Any] | None) -> Seen:
    return sight(part, body, NOON)


def powered(*codes: str) -> dict[str, Any]:
    return body_of(VM, instanceView={"statuses": [{"code": code} for code in codes]})


def test_what_answers_404_is_absent() -> None:
    assert look(VM, None) == Seen(VM.arm_id, Sighting.ABSENT, NOON)


@pytest.mark.parametrize("key", sorted(PARTS))
def test_a_part_as_it_was_asked_for_is_sound_ours_and_without_drift(key: str) -> None:
    seen = look(PARTS[key], body_of(PARTS[key]))
    assert (seen.sighting, seen.drift, seen.tagged, seen.seen_at) == (Sighting.SOUND, (), True, NOON)


@pytest.mark.parametrize("key", sorted(PARTS))
def test_what_others_add_is_no_drift(key: str) -> None:
    body = body_of(PARTS[key], resourceGuid="1", theirs={"more": 1})
    body["tags"] = {**body["tags"], "theirs": "1", "cost": "2"}
    seen = look(PARTS[key], body)
    assert (seen.sighting, seen.drift) == (Sighting.SOUND, ())


@pytest.mark.parametrize("write", [str.upper, str.title, str.lower])
def test_our_tags_are_ours_in_whatever_case_azure_keeps_their_names(write: Any) -> None:
    assert is_ours(VM, {write(name): value for name, value in VM.body["tags"].items()})


@pytest.mark.parametrize("name", ["managed-by", "stack", "deployment"])
def test_without_any_one_of_our_tags_or_with_another_value_it_is_foreign(name: str) -> None:
    lacking, other = body_of(VM), body_of(VM)
    del lacking["tags"][name]
    other["tags"][name] = "another"
    for body in (lacking, other, {**body_of(VM), "tags": None}):
        assert look(VM, body).sighting is Sighting.FOREIGN


def test_what_is_foreign_bills_nobody_here_and_tells_nothing_else() -> None:
    seen = look(ADDRESS_PART, {**body_of(ADDRESS_PART), "tags": {}})
    assert (seen.meters, seen.drift, seen.address, seen.stands) == ((), (), None, False)


ADDRESS_PART = PARTS[ADDRESS]


@pytest.mark.parametrize(
    ("state", "sighting"),
    [
        ("Succeeded", Sighting.SOUND),
        ("succeeded", Sighting.SOUND),
        (None, Sighting.SOUND),
        ("Failed", Sighting.BROKEN),
        ("Canceled", Sighting.BROKEN),
        ("Creating", Sighting.BUSY),
        ("Updating", Sighting.BUSY),
        ("Deleting", Sighting.BUSY),
        ("SomethingNew", Sighting.BUSY),
    ],
)
def test_the_provisioning_state_says_whether_it_is_in_order(state: str | None, sighting: Sighting) -> None:
    assert look(PARTS[BASTION], body_of(PARTS[BASTION], provisioningState=state)).sighting is sighting


@pytest.mark.parametrize(
    ("codes", "power"),
    [
        (("ProvisioningState/succeeded", "PowerState/running"), Power.RUNNING),
        (("PowerState/stopped",), Power.STOPPED),
        (("PowerState/deallocated",), Power.DEALLOCATED),
        (("PowerState/deallocating",), Power.CHANGING),
        (("PowerState/starting",), Power.CHANGING),
        ((), Power.STOPPED),
    ],
)
def test_a_machines_power_is_what_its_instance_view_says(codes: tuple[str, ...], power: Power) -> None:
    assert look(VM, powered(*codes)).power is power


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    body["properties"]["securityRules"] = [rule for rule in body["properties"]["securityRules"] if rule["name"] != name]
    return body


@pytest.mark.parametrize("key", [NSG_FRONTEND, NSG_BASTION])
def test_a_missing_rule_is_drift(key: str) -> None:
    for rule in PARTS[key].body["properties"]["securityRules"]:
        body = without(body_of(PARTS[key]), rule["name"])
        assert look(PARTS[key], body).drift == ("properties.securityRules",)


def test_a_changed_rule_is_drift_and_somebody_elses_rule_is_none() -> None:
    opened = body_of(PARTS[NSG_FRONTEND])
    opened["properties"]["securityRules"][0]["properties"]["sourceAddressPrefix"] = "*"
    assert look(PARTS[NSG_FRONTEND], opened).drift
    more = body_of(PARTS[NSG_FRONTEND])
    more["properties"]["securityRules"].append({"name": "theirs", "properties": {"access": "Deny"}})
    assert not look(PARTS[NSG_FRONTEND], more).drift


def test_a_drain_that_is_wanted_and_missing_is_drift_and_so_is_one_that_is_stale() -> None:
    plain, drained = PARTS[NSG_FRONTEND], DRAINED[NSG_FRONTEND]
    assert look(drained, body_of(plain)).drift
    assert look(plain, body_of(drained)).drift
    assert not look(drained, body_of(drained)).drift
    assert look(plain, body_of(drained)).drained is True
    assert look(plain, body_of(plain)).drained is False
    assert look(PARTS[NSG_BASTION], body_of(PARTS[NSG_BASTION])).drained is None


def test_azures_own_way_of_writing_is_no_drift() -> None:
    body = body_of(VM)
    body["properties"]["hardwareProfile"]["vmSize"] = "standard_d2S_V5"
    assert not look(VM, body).drift


def test_another_size_sku_or_address_space_is_shown_as_drift() -> None:
    for part, path, value, aspect in (
        (VM, "hardwareProfile", {"vmSize": "Standard_D64s_v5"}, "properties.hardwareProfile"),
        (PARTS[VNET], "addressSpace", {"addressPrefixes": ["10.0.0.0/8"]}, "properties.addressSpace"),
        (ADDRESS_PART, "publicIPAllocationMethod", "Dynamic", "properties.publicIPAllocationMethod"),
    ):
        assert look(part, body_of(part, **{path: value})).drift == (aspect,)
    assert look(PARTS[BASTION], body_of(PARTS[BASTION]) | {"sku": {"name": "Standard"}}).drift == ("sku",)


def test_a_second_address_space_beside_ours_is_drift() -> None:
    body = body_of(PARTS[VNET], addressSpace={"addressPrefixes": ["10.64.3.0/24", "10.9.0.0/24"]})
    assert look(PARTS[VNET], body).drift == ("properties.addressSpace",)


def test_an_update_keeps_the_tags_and_rules_of_others() -> None:
    actual = body_of(PARTS[NSG_FRONTEND])
    actual["tags"] = {"theirs": "1", "stack": "main"}
    actual["properties"]["securityRules"].append({"name": "theirs", "properties": {}})
    body = merged(DRAINED[NSG_FRONTEND], actual)
    assert body["tags"] == {"theirs": "1", **PARTS[NSG_FRONTEND].body["tags"]}
    assert [rule["name"] for rule in body["properties"]["securityRules"]] == [
        DRAIN_RULE, "allow-bastion-in", "deny-ssh-rdp-in", "theirs"
    ]  # fmt: skip


def test_an_update_lifts_the_drain() -> None:
    body = merged(PARTS[NSG_FRONTEND], body_of(DRAINED[NSG_FRONTEND]))
    assert [rule["name"] for rule in body["properties"]["securityRules"]] == ["allow-bastion-in", "deny-ssh-rdp-in"]


def test_what_was_written_over_others_is_seen_without_drift() -> None:
    actual = body_of(PARTS[NSG_FRONTEND])
    actual["properties"]["securityRules"].append({"name": "theirs", "properties": {}})
    for part in (PARTS[NSG_FRONTEND], DRAINED[NSG_FRONTEND]):
        assert not look(part, dict(merged(part, actual))).drift


def test_what_does_not_exist_is_written_as_it_is_wanted() -> None:
    assert merged(VM, None) == VM.body


def test_an_os_disk_without_tags_is_ours_only_while_our_machine_holds_it() -> None:
    bare = {"id": DISK.arm_id, "sku": {"name": "StandardSSD_LRS"}, "properties": {}}
    held = look(DISK, bare | {"managedBy": VM.arm_id.upper()})
    assert (held.sighting, held.tagged, held.meters) == (Sighting.SOUND, False, ("disk.StandardSSD_LRS",))
    assert look(DISK, bare).sighting is Sighting.FOREIGN
    assert look(DISK, bare | {"managedBy": VM.arm_id + "-other"}).sighting is Sighting.FOREIGN


def test_a_machine_without_tags_is_not_ours_whoever_holds_it() -> None:
    assert look(VM, {"id": VM.arm_id, "managedBy": VM.arm_id, "properties": {}}).sighting is Sighting.FOREIGN


@pytest.mark.parametrize(
    ("key", "body", "meters"),
    [
        (BASTION, body_of(PARTS[BASTION]), ("bastion.basic",)),
        (BASTION, body_of(PARTS[BASTION]) | {"sku": {"name": "Premium"}}, ("bastion.premium",)),
        (BASTION, body_of(PARTS[BASTION]) | {"sku": None}, ("bastion.standard",)),
        (BASTION, body_of(PARTS[BASTION]) | {"sku": {"name": "Developer"}}, ()),
        (BASTION, body_of(PARTS[BASTION], provisioningState="Failed"), ("bastion.basic",)),
        (ADDRESS, body_of(PARTS[ADDRESS]), ("ip.standard",)),
        ("nat", body_of(PARTS["nat"]), ("nat",)),
        ("vm!one", powered("PowerState/running"), ("vm.Standard_D2s_v5",)),
        ("vm!one", powered("PowerState/stopped"), ("vm.Standard_D2s_v5",)),
        ("vm!one", powered(), ("vm.Standard_D2s_v5",)),
        ("vm!one", powered("PowerState/deallocated"), ()),
        ("disk!one", body_of(DISK) | {"sku": {"name": "Premium_LRS"}}, ("disk.Premium_LRS",)),
        ("nic!one", body_of(NIC), ()),
        (VNET, body_of(PARTS[VNET]), ()),
    ],
)  # fmt: skip
def test_meters_follow_the_fact_and_not_the_request(key: str, body: dict[str, Any], meters: tuple[str, ...]) -> None:
    assert look(PARTS[key], body).meters == meters


def test_addresses_are_read_where_azure_shows_them() -> None:
    nic = body_of(NIC, ipConfigurations=[{"properties": {"privateIPAddress": "10.64.3.132"}}])
    assert look(NIC, nic).address == "10.64.3.132"
    assert look(ADDRESS_PART, body_of(ADDRESS_PART, ipAddress="20.1.2.3")).address == "20.1.2.3"
    assert look(NIC, body_of(NIC, ipConfigurations=None)).address is None


def test_a_look_against_another_blueprint_is_out_of_date_and_only_then() -> None:
    assert digest_of(PARTS[NSG_FRONTEND]) != digest_of(DRAINED[NSG_FRONTEND])
    assert digest_of(PARTS[NSG_FRONTEND]) == digest_of(parts_of(replace(BOX, owner="bob"))[NSG_FRONTEND])
    on, off = parts_of(net_at=at("21:00"))["shutdown!one"], parts_of()["shutdown!one"]
    assert digest_of(on) != digest_of(off)


@pytest.mark.parametrize(
    ("sku", "units", "bills"),
    [
        ("Standard", 2, ("bastion.standard",)),
        ("Standard", 5, ("bastion.standard", "bastion.unit*3")),
        ("Premium", 3, ("bastion.premium", "bastion.unit*1")),
        ("Basic", None, ("bastion.basic",)),
    ],
)
def test_scale_units_beyond_two_are_metered_each(sku: str, units: int | None, bills: tuple[str, ...]) -> None:
    door = parts_of()["bastion"]
    body = {**door.body, "sku": {"name": sku}, "properties": {"scaleUnits": units, "provisioningState": "Succeeded"}}
    assert sight(door, body, NOON).meters == bills
