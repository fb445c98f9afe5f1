"""Who can get in, what ends a session, and how the list of sessions comes."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.arm import RESOURCE_GROUP
from sandbox.arm.admission import NotAdmitted
from tests.sandbox_arm.place import (
    COMPUTE,
    ENTRA,
    LOCATION,
    NETWORK,
    Place,
    bastion_body,
    rule,
    vnet_body,
)


def refusal(place: Place, **who: Any) -> str:
    with pytest.raises(NotAdmitted) as refused:
        place.session(**who)
    return str(refused.value)


async def test_a_person_gets_in_when_everything_stands(place: Place) -> None:
    await place.box()
    assert place.session().address == "10.0.0.4"


async def test_nobody_gets_in_before_the_bastion_stands_and_while_it_goes(place: Place) -> None:
    await place.ground()
    await place.nic()
    await place.vm()
    assert "no Bastion" in refusal(place)
    await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    assert "Updating" in refusal(place)
    place.pass_(minutes=11)
    place.session()
    await place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")
    assert "Deleting" in refusal(place)


async def test_nobody_gets_in_to_a_machine_that_does_not_run(place: Place) -> None:
    await place.box()
    await place.done(place.compute.virtual_machines.begin_power_off(RESOURCE_GROUP, "vm"))
    assert "stopped" in refusal(place)


async def test_nobody_gets_in_without_a_login(place: Place) -> None:
    await place.ground()
    await place.bastion()
    await place.nic()
    await place.vm(keys=False)
    assert "nobody can log in" in refusal(place)
    extensions = place.compute.virtual_machine_extensions
    await place.done(extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", ENTRA), minutes=2)
    place.session()


async def test_entra_login_needs_the_machines_own_identity(place: Place) -> None:
    await place.ground()
    await place.bastion()
    await place.nic()
    await place.vm(keys=False, identity={"type": "None"})
    extensions = place.compute.virtual_machine_extensions
    await place.done(extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", ENTRA), minutes=2)
    assert "identity" in refusal(place)


async def test_a_drain_keeps_new_people_out_and_cuts_nobody_off(place: Place) -> None:
    await place.box()
    inside = place.session(minutes=120)
    deny = rule("drain", 100, "Inbound", "10.0.1.0/26", "*", "22", "3389", access="Deny")
    drained: Any = {"location": LOCATION, "properties": {"securityRules": [deny]}}
    groups = place.network.network_security_groups
    await place.done(groups.begin_create_or_update(RESOURCE_GROUP, "nsg-boxes", drained), minutes=1)
    assert "security rules" in refusal(place, user="grace")
    assert inside.ended_at is None


async def test_the_first_matching_rule_decides_and_azures_defaults_come_last(place: Place) -> None:
    await place.box()
    groups = place.network.network_security_groups

    async def with_rules(*rules: Any) -> None:
        body: Any = {"location": LOCATION, "properties": {"securityRules": list(rules)}}
        await place.done(groups.begin_create_or_update(RESOURCE_GROUP, "nsg-boxes", body), minutes=1)

    await with_rules()
    place.session()
    await with_rules(rule("all", 200, "Inbound", "*", "*", "0-65535", access="Deny"))
    assert "security rules" in refusal(place)
    await with_rules(
        rule("all", 200, "Inbound", "*", "*", "*", access="Deny"), rule("ssh", 100, "Inbound", "10.0.0.0/8", "*", "22")
    )
    place.session()
    assert "3389" in refusal(place, protocol="RDP")


async def test_a_bastion_serves_connected_peers_but_developer_does_not(place: Place) -> None:
    await place.ground()
    spoke: Any = {
        "location": LOCATION,
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.9.0.0/16"]},
            "subnets": [{"name": "boxes", "properties": {"addressPrefix": "10.9.0.0/24"}}],
        },
    }
    networks = place.network.virtual_networks
    await place.done(networks.begin_create_or_update(RESOURCE_GROUP, "spoke", spoke), minutes=1)
    await place.bastion()
    await place.nic("far", f"{NETWORK}/virtualNetworks/spoke/subnets/boxes")
    await place.vm("vm", "far")
    assert "does not serve" in refusal(place)
    peerings = place.network.virtual_network_peerings
    for here, there in (("vnet", "spoke"), ("spoke", "vnet")):
        body: Any = {"properties": {"remoteVirtualNetwork": {"id": f"{NETWORK}/virtualNetworks/{there}"}}}
        await place.done(peerings.begin_create_or_update(RESOURCE_GROUP, here, "peer", body), minutes=1)
    assert place.session().address == "10.9.0.4"


async def test_a_session_ends_by_itself_at_its_instant(place: Place) -> None:
    await place.box()
    began_at = place.clock.now()
    session = place.session(minutes=30)
    assert place.arm.next_due_at(began_at) == session.due.at
    place.pass_(hours=5)
    assert session.ended_at == session.due.at
    assert session.ending == "the person left"


async def test_scaling_or_deleting_the_bastion_and_stopping_the_machine_end_sessions(place: Place) -> None:
    await place.box("Standard")
    scaled = place.session()
    body = bastion_body("Standard", scaleUnits=4)
    await place.done(place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", body))
    assert scaled.ending == "the bastion was scaled"
    kept = place.session()
    tagged = {**body, "tags": {"other": "tag"}}
    await place.done(place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", tagged), minutes=9)
    assert kept.ended_at is None
    stopped = place.session()
    await place.compute.virtual_machines.begin_deallocate(RESOURCE_GROUP, "vm")
    assert stopped.ending == "the machine was told to deallocate"
    place.pass_(minutes=3)
    place.arm.humans.start(f"{COMPUTE}/virtualMachines/vm")
    deleted = place.session()
    await place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")
    assert deleted.ending == "the bastion was deleted"


async def test_an_operator_can_disconnect_a_session(place: Place) -> None:
    await place.box()
    session = place.session()
    states = place.network.disconnect_active_sessions(RESOURCE_GROUP, "bastion", {"sessionIds": [session.id, "x"]})
    assert [(each.session_id, each.state) async for each in states] == [
        (session.id, "Disconnected"),
        ("x", "NotFound"),
    ]
    assert session.ending == "an operator disconnected it"


async def test_the_list_is_ready_at_the_first_poll_though_the_clock_stands_still(place: Place) -> None:
    await place.box()
    place.session(user="grace", protocol="RDP")
    place.pass_(minutes=5)
    poller = await place.network.begin_get_active_sessions(RESOURCE_GROUP, "bastion")
    (listed,) = [each async for each in await poller.result()]
    assert (listed.user_name, listed.protocol, listed.session_duration_in_mins) == ("grace", "RDP", 5.0)
    assert listed.target_resource_id == f"{COMPUTE}/virtualMachines/vm"


@pytest.mark.parametrize(
    ("shape", "body"), [("array", b"[]"), ("null", b"null"), ("empty", b""), ("object", b'{"value": []}')]
)
async def test_the_shape_of_the_list_is_a_switch(shape: str, body: bytes) -> None:
    place = Place(sessionReply=shape)
    await place.ground()
    await place.bastion()
    answer = await place.send("POST", f"{NETWORK}/bastionHosts/bastion/getActiveSessions")
    assert answer.status_code == 202
    location = answer.headers["Location"].removeprefix("https://management.azure.com")
    assert await (await place.send("GET", location)).read() == body


async def test_developer_lists_its_sessions_or_not() -> None:
    place = Place(sessionsOnDeveloper=False)
    await place.nsgs()
    await place.vnet()
    body: Any = {
        "location": LOCATION,
        "sku": {"name": "Developer"},
        "properties": {"virtualNetwork": {"id": f"{NETWORK}/virtualNetworks/vnet"}},
    }
    await place.done(place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", body))
    groups: Any = {"location": LOCATION, "properties": {"securityRules": []}}
    await place.done(place.network.network_security_groups.begin_create_or_update(RESOURCE_GROUP, "open", groups))
    bare = vnet_body(networkSecurityGroup=None)
    await place.done(place.network.virtual_networks.begin_create_or_update(RESOURCE_GROUP, "vnet", bare))
    await place.nic()
    await place.vm()
    place.session()
    poller = await place.network.begin_get_active_sessions(RESOURCE_GROUP, "bastion")
    assert [each async for each in await poller.result()] == []


async def test_the_session_count_metric_counts_or_stays_silent(place: Place) -> None:
    await place.box()
    place.session(minutes=10)
    place.pass_(minutes=30)
    path = f"{NETWORK}/bastionHosts/bastion/providers/Microsoft.Insights/metrics?metricnames=sessions"
    body = (await place.send("GET", path, version="2018-01-01")).json()
    counts = [each["maximum"] for each in body["value"][0]["timeseries"][0]["data"]]
    assert max(counts) == 1.0
    assert counts[-1] == 0.0
    place.switches.session_metric = "empty"
    assert (await place.send("GET", path, version="2018-01-01")).json()["value"][0]["timeseries"] == []
    place.switches.session_metric = "error"
    assert (await place.send("GET", path, version="2018-01-01")).status_code == 503
