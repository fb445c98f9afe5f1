"""A shared door, by the rules: who needs it, until when, and why a hub may not serve."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.blueprint import (
    ADDRESS,
    BASTION,
    GUEST,
    HUB,
    NSG_BASTION,
    NSG_FRONTEND,
    PEERING,
    VNET,
    BoxWish,
    Links,
    Part,
    Want,
    blueprint,
)
from lifecycle.decision import Case, Decision, decide
from lifecycle.estate import bastion_id, guest_of, vm_name, vnet_id
from lifecycle.hubs import (
    HALF_MADE,
    NEED_HOLDS,
    NO_HUB,
    OVERLAP,
    SERVES_NO_PEERS,
    around,
    believed,
    foreign_hub,
    needed_until,
    network_of,
    next_word,
    overlap,
    own_hub,
    trouble,
)
from lifecycle.model import (
    Block,
    Hub,
    HubSeen,
    Kind,
    Level,
    Need,
    OpenSession,
    Power,
    Seen,
    SessionSeen,
    Sighting,
    StackStatus,
    Verb,
)
from lifecycle.observation import guests_by_vm, own_sessions
from lifecycle.plan import Begin, Gate, Scene, Wait, plan
from lifecycle.sightings import merged, sight, sight_child
from tests.examples import BOX, ESTATE, HOUR, MINUTE, NOON, POLICY, READY, SCHEDULES, STACK, at, seen_as
from tests.strategies import names, week_instants

HOST = "/subscriptions/9/resourceGroups/platform/providers/Microsoft.Network/bastionHosts/door"
THEIRS = "/subscriptions/9/resourceGroups/platform/providers/Microsoft.Network/virtualNetworks/hub"
SPOKE = replace(STACK, hub="main", address_range="10.64.7.0/24")
MAIN = own_hub(ESTATE, "main", STACK, StackStatus(parts={VNET: Seen("x", Sighting.SOUND)}), None, leaving=False)
NETWORK_BODY = {
    "id": THEIRS,
    "properties": {
        "addressSpace": {"addressPrefixes": ["10.200.0.0/24"]},
        "subnets": [{"name": "AzureBastionSubnet", "properties": {"addressPrefix": "10.200.0.0/26"}}],
        "virtualNetworkPeerings": [
            {
                "properties": {
                    "remoteVirtualNetwork": {"id": "/another/network"},
                    "remoteAddressSpace": {"addressPrefixes": ["10.201.0.0/16"]},
                }
            }
        ],
    },
}
HOST_BODY = {
    "sku": {"name": "Standard"},
    "properties": {"ipConfigurations": [{"properties": {"subnet": {"id": f"{THEIRS}/subnets/AzureBastionSubnet"}}}]},
}
FOREIGN = foreign_hub(HOST, around(HOST_BODY, NETWORK_BODY))
BUSY = replace(READY, last_active_at=at("11:55"))
ALWAYS = replace(BOX, schedule="always", hours=300.0)


def spoke_parts(
    hub: Hub = MAIN, *, level: Level = Level.OPEN, door: bool = True, closing: bool = False
) -> dict[str, Part]:
    wishes = [BoxWish(ALWAYS, level, built=True, net_at=None)]
    return blueprint(ESTATE, "spoke", SPOKE, wishes, door=door, closing=closing, links=Links(hub))


def spoke_status(hub: Hub = MAIN, now: datetime = NOON, **more: object) -> StackStatus:
    parts = {
        key: seen_as(
            part,
            power=Power.RUNNING if key.startswith("vm!") else None,
            drained=False if key == NSG_FRONTEND else None,
            connected=True if key == PEERING else None,
        )
        for key, part in spoke_parts(hub).items()
    }
    facts: dict[str, object] = {"parts": parts, "sessions_at": now, "looked_at": now, "boxes": {"one": BUSY}}
    return StackStatus(**(facts | more))  # type: ignore[arg-type]


def spoke(status: StackStatus, hub: Hub = MAIN, now: datetime = NOON) -> Decision:
    return decide(Case(now, ESTATE, "spoke", SPOKE, {"one": ALWAYS}, status, {}, SCHEDULES, POLICY, hub))


def hub_decided(status: StackStatus, **needs: Need) -> Decision:
    return decide(Case(NOON, ESTATE, "main", STACK, {}, status, {}, SCHEDULES, POLICY, needs=needs))


def drained(status: StackStatus, since_at: datetime) -> StackStatus:
    frontend = replace(status.parts[NSG_FRONTEND], drained=True)
    return replace(status, parts={**status.parts, NSG_FRONTEND: frontend}, drained_at=since_at)


# -- what a stack with a hub is made of ------------------------------------------------------------------------


def test_a_stack_with_a_hub_has_no_door_parts_and_one_side_of_a_peering() -> None:
    parts = spoke_parts()
    assert not {ADDRESS, NSG_BASTION} & parts.keys()
    assert parts[BASTION].borrowed
    assert parts[BASTION].arm_id == bastion_id(ESTATE, "main")
    assert [subnet["name"] for subnet in parts[VNET].body["properties"]["subnets"]] == ["frontend"]
    assert parts[PEERING].holder == vnet_id(ESTATE, "spoke")
    assert parts[PEERING].body["properties"]["remoteVirtualNetwork"] == {"id": vnet_id(ESTATE, "main")}


def test_only_the_hubs_bastion_subnet_gets_to_the_machines() -> None:
    rules = {
        rule["name"]: rule["properties"] for rule in spoke_parts()[NSG_FRONTEND].body["properties"]["securityRules"]
    }
    assert rules["allow-bastion-in"]["sourceAddressPrefix"] == "10.64.3.0/26"
    unknown = spoke_parts(replace(MAIN, bastion_range=""))[NSG_FRONTEND].body["properties"]["securityRules"]
    assert [rule["name"] for rule in unknown] == ["deny-ssh-rdp-in"]


@pytest.mark.parametrize(
    ("level", "stands", "peered", "want"),
    [
        (Level.OPEN, True, True, Want.PRESENT),
        (Level.WARM, True, True, Want.PRESENT),
        (Level.OPEN, False, True, Want.KEEP),
        (Level.PARKED, True, True, Want.KEEP),
        (Level.GONE, True, True, Want.ABSENT),
        (Level.OPEN, True, False, Want.ABSENT),
    ],
)
def test_the_peering_follows_the_network_once_the_hubs_stands_and_may_be_peered_with(
    level: Level, want: Want, *, stands: bool, peered: bool
) -> None:
    links = Links(replace(MAIN, stands=stands), peered=peered)
    wishes = [BoxWish(ALWAYS, level, built=True, net_at=None)]
    door = level is Level.OPEN
    assert blueprint(ESTATE, "spoke", SPOKE, wishes, door=door, closing=False, links=links)[PEERING].want is want


def test_a_hub_makes_its_side_for_whoever_needs_it_and_takes_it_away_after() -> None:
    links = Links(guests={"spoke": "/their/network", "old": ""}, needed=True)
    parts = blueprint(ESTATE, "main", STACK, [], door=True, closing=False, links=links)
    assert parts[VNET].want is Want.PRESENT
    assert parts[f"{GUEST}spoke"].want is Want.PRESENT
    assert parts[f"{GUEST}old"].want is Want.ABSENT
    assert parts[f"{GUEST}spoke"].holder == vnet_id(ESTATE, "main")


@given(names, names)
def test_whose_a_machine_is_shows_in_its_id(stack: str, box: str) -> None:
    machine = ESTATE.arm_id(Kind.VM, vm_name(stack, box))
    found = guest_of(machine.upper().replace("/MICROSOFT", "/Microsoft"), ESTATE)
    assert found is not None
    assert found[0] == stack
    assert guest_of(machine.replace("jumpboxes", "elsewhere"), ESTATE) is None


# -- what is done with it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sighting", list(Sighting))
@pytest.mark.parametrize("want", list(Want))
def test_nothing_is_ever_begun_on_a_door_that_is_borrowed(sighting: Sighting, want: Want) -> None:
    part = replace(spoke_parts()[BASTION], want=want)
    scene = Scene(
        NOON, {BASTION: part}, {BASTION: seen_as(part, sighting)}, (), {}, Gate(open=True), closing=True, because={}
    )
    assert not [step for step in plan(scene) if isinstance(step, Begin)]


def test_a_network_takes_one_change_at_a_time() -> None:
    links = Links(guests={"a": "/a", "b": "/b"}, needed=True)
    parts = blueprint(ESTATE, "main", STACK, [], door=False, closing=False, links=links)
    seen = {
        key: seen_as(part, Sighting.ABSENT if key.startswith(GUEST) else Sighting.SOUND) for key, part in parts.items()
    }
    first = [
        step.part.key
        for step in plan(Scene(NOON, parts, seen, (), {}, Gate(open=True), closing=False, because={}))
        if isinstance(step, Begin)
    ]
    assert first.count("guest:a") == 1
    assert "guest:b" not in first
    during = plan(Scene(NOON, parts, seen, ("guest:a",), {}, Gate(open=True), closing=False, because={}))
    assert [step.part for step in during if isinstance(step, Wait)] == ["guest:b"]


def test_a_peering_is_ours_only_where_its_network_is() -> None:
    part = spoke_parts()[PEERING]
    ours = {"tags": ESTATE.ownership("spoke"), "properties": {"provisioningState": "Succeeded"}}
    link = {"properties": {"provisioningState": "Succeeded", "peeringState": "Connected"}}
    assert sight_child(part, link, ours, NOON).connected
    assert sight_child(part, None, ours, NOON).sighting is Sighting.ABSENT
    assert sight_child(part, link, None, NOON).sighting is Sighting.ABSENT
    assert sight_child(part, None, {"tags": ESTATE.ownership("main")}, NOON).sighting is Sighting.FOREIGN
    busy = {**ours, "properties": {"provisioningState": "Updating"}}
    assert sight_child(part, None, busy, NOON).sighting is Sighting.BUSY
    assert merged(part, link) == part.body


@pytest.mark.parametrize(
    ("state", "sighting", "connected"),
    [
        ("Initiated", Sighting.SOUND, False),
        ("Connected", Sighting.SOUND, True),
        ("Disconnected", Sighting.BROKEN, False),
    ],
)
def test_a_peering_that_lost_its_other_side_is_written_again(
    state: str, sighting: Sighting, *, connected: bool
) -> None:
    body = {"properties": {"provisioningState": "Succeeded", "peeringState": state}}
    seen = sight_child(spoke_parts()[PEERING], body, {"tags": ESTATE.ownership("spoke")}, NOON)
    assert (seen.sighting, seen.connected) == (sighting, connected)


@pytest.mark.parametrize(
    ("state", "sighting"),
    [
        ("Succeeded", Sighting.SOUND),
        ("Updating", Sighting.BUSY),
        ("Failed", Sighting.BROKEN),
        ("Deleting", Sighting.ABSENT),
    ],
)
def test_a_borrowed_door_is_seen_whosever_it_is_and_bills_nothing(state: str, sighting: Sighting) -> None:
    seen = sight(
        spoke_parts()[BASTION], {"sku": {"name": "Standard"}, "properties": {"provisioningState": state}}, NOON
    )
    assert (seen.sighting, seen.meters) == (sighting, ())


@pytest.mark.parametrize("part", [BASTION, PEERING, "vm!one", NSG_FRONTEND])
def test_a_box_is_ready_when_hubs_door_and_peering_and_machine_are(part: str) -> None:
    status = spoke_status()
    assert spoke(status).status.boxes["one"].phase == "ready"
    lost = replace(status.parts[part], sighting=Sighting.BUSY, power=None)
    assert spoke(replace(status, parts={**status.parts, part: lost})).status.boxes["one"].phase != "ready"
    if part == PEERING:
        half = replace(status.parts[part], connected=False)
        assert spoke(replace(status, parts={**status.parts, part: half})).status.boxes["one"].phase != "ready"


# -- who needs the door ----------------------------------------------------------------------------------------


def test_a_box_that_is_to_be_open_needs_the_hubs_door() -> None:
    word = spoke(spoke_status(sessions={"s": OpenSession("one", "a", "SSH", NOON, NOON)})).word
    assert word == Need(NOON + NEED_HOLDS, "open: one", True, vnet_id(ESTATE, "spoke"), NOON)


def test_the_door_is_let_go_only_when_drained_and_read_after_that() -> None:
    late = at("13:00")
    asked = Need(late + HOUR, "open: one", since_at=at("09:00"))
    hub = replace(MAIN, word=asked)
    idle = spoke_status(now=late)
    first = spoke(idle, hub, late)
    assert first.targets["one"].level is Level.WARM
    assert first.word is not None
    assert first.word.door
    unread = spoke(replace(drained(idle, late), sessions_at=late - MINUTE), hub, late)
    assert unread.word is not None
    assert unread.word.door
    read = spoke(drained(idle, late - MINUTE), hub, late)
    assert read.word is not None
    assert not read.word.door
    assert read.status.left_at == late


def test_who_has_left_asks_nobody_who_is_inside_though_the_door_stands_for_others() -> None:
    late = at("13:00")
    status = replace(drained(spoke_status(now=late), late - HOUR), left_at=late - 50 * MINUTE, sessions_at=None)
    found = spoke(status, replace(MAIN, word=Need(late + HOUR, "", door=False)), late)
    assert found.targets["one"].level is Level.WARM
    assert found.word is not None
    assert not found.word.door


@pytest.mark.parametrize(
    ("needs", "wanted"),
    [
        ({}, False),
        ({"a": Need(NOON + HOUR, "x")}, True),
        ({"a": Need(NOON, "x")}, False),
        ({"a": Need(NOON + HOUR, "x", door=False)}, False),
        ({"a": Need(NOON + HOUR, "x", door=False), "b": Need(NOON + MINUTE, "x")}, True),
        ({"a": Need(NOON - HOUR, "x"), "b": Need(NOON + MINUTE, "x")}, True),
    ],
)
def test_a_hubs_door_stands_exactly_while_a_need_asks_for_it(needs: dict[str, Need], *, wanted: bool) -> None:
    found = hub_decided(StackStatus(), **needs)
    assert (found.parts[BASTION].want is Want.PRESENT) is wanted
    assert (needed_until(needs.values(), NOON) is not None) is wanted


def test_a_hub_looks_again_when_a_need_would_lapse() -> None:
    gone = {key: Seen("x", Sighting.ABSENT, NOON) for key in hub_decided(StackStatus()).parts}
    found = hub_decided(StackStatus(parts=gone), a=Need(NOON + MINUTE, "x", door=False))
    assert found.look_again_at == NOON + MINUTE
    assert not found.gone
    assert hub_decided(StackStatus(parts=gone), a=Need(NOON, "x")).gone


@pytest.mark.parametrize(
    ("need", "wanted"),
    [
        (Need(NOON - HOUR, "x"), True),  # fell silent an hour ago
        (Need(NOON - POLICY.blind_limit, "x"), False),
        (Need(NOON + HOUR, "x", door=False), False),  # said that it is done
        (None, False),
    ],
)
def test_people_of_a_stack_that_fell_silent_are_not_cut_off_at_once_nor_kept_for_ever(
    need: Need | None, *, wanted: bool
) -> None:
    status = StackStatus(sessions={"s": OpenSession("spoke/one", "a", "SSH", at("09:00"), NOON)})
    found = hub_decided(status, **({"spoke": need} if need else {}))
    assert (found.parts[BASTION].want is Want.PRESENT) is wanted


def test_a_broken_row_counts_as_what_was_last_read_well() -> None:
    known = Need(NOON + MINUTE, "open: one")
    assert believed({"a": None}, {"a": known}, NOON) == ({"a": known}, ("a",))
    assert believed({"a": None}, {}, NOON)[0]["a"].until == NOON + NEED_HOLDS
    endless = Need(NOON + timedelta(days=900), "x")
    assert believed({"a": endless, "b": known}, {}, NOON)[1] == ("a",)


@given(
    st.dictionaries(
        names,
        st.none()
        | st.builds(
            Need,
            week_instants,
            st.just("x"),
        ),
    ),
    st.dictionaries(names, st.just(Need(NOON + MINUTE, "known"))),
)
def test_no_row_of_one_stack_changes_what_another_needs(rows: dict[str, Need | None], known: dict[str, Need]) -> None:
    needs, _ = believed(rows, known, NOON)
    for stack, row in rows.items():
        assert believed({stack: row}, known, NOON)[0][stack] == needs[stack]


def test_a_need_that_goes_on_is_no_news_and_one_that_comes_back_is() -> None:
    first = next_word(None, NOON, door=True, vnet="/v", boxes=["one"])
    on = next_word(first, NOON + HOUR, door=True, vnet="/v", boxes=["one"])
    assert (on.since_at, on.until) == (NOON, NOON + HOUR + NEED_HOLDS)
    assert next_word(first, first.until, door=True, vnet="/v", boxes=["one"]).since_at == first.until
    assert next_word(first, NOON + HOUR, door=False, vnet="/v", boxes=[]).since_at == NOON + HOUR


def test_sessions_of_a_shared_door_are_told_apart_by_the_machine_they_lead_to() -> None:
    mine, theirs = ESTATE.arm_id(Kind.VM, vm_name("spoke", "one")), ESTATE.arm_id(Kind.VM, vm_name("other", "two"))
    listed = [SessionSeen(str(number), "a", "SSH", target) for number, target in enumerate((mine, theirs, "", "/else"))]
    assert [seen.session_id for seen in own_sessions(listed, {mine.lower(): "one"})] == ["0", "2"]
    assert guests_by_vm(listed, ESTATE, "main") == {mine.lower(): "spoke/one", theirs.lower(): "other/two"}


# -- why a hub may not serve -----------------------------------------------------------------------------------


def test_what_is_around_a_bastion_that_is_not_ours_is_read_from_it() -> None:
    assert network_of(HOST_BODY) == THEIRS
    assert network_of({"properties": {"virtualNetwork": {"id": THEIRS}}}) == ""
    seen = around(HOST_BODY, NETWORK_BODY)
    ranges = {"10.200.0.0/24": THEIRS, "10.201.0.0/16": "/another/network"}
    assert seen == HubSeen(THEIRS, "10.200.0.0/26", "Standard", ranges)
    assert around({}, None) == HubSeen("", "", "", {})


@pytest.mark.parametrize(
    ("own", "named"),
    [("10.200.0.128/25", "10.200.0.0/24"), ("10.201.4.0/24", "10.201.0.0/16"), ("10.64.7.0/24", None)],
)
def test_overlapping_ranges_are_both_named(own: str, named: str | None) -> None:
    found = overlap(own, vnet_id(ESTATE, "spoke"), FOREIGN)
    assert (found is not None) is (named is not None)
    if named:
        assert own in (found or "")
        assert named in (found or "")


def test_a_networks_own_range_seen_at_its_peer_is_no_overlap() -> None:
    hub = replace(FOREIGN, ranges={"10.64.7.0/24": vnet_id(ESTATE, "spoke").upper()})
    assert overlap("10.64.7.0/24", vnet_id(ESTATE, "spoke"), hub) is None


UP = Seen("x", Sighting.SOUND)
REFUSED = Block(Verb.PUT, "QuotaExceeded", "no more", 1, NOON + HOUR, shown=True, takes_down=True)


@pytest.mark.parametrize(
    ("hub", "parts", "code"),
    [
        (replace(FOREIGN, ranges={"10.64.0.0/16": THEIRS}), {BASTION: UP}, OVERLAP),
        (replace(FOREIGN, sku="Developer"), {BASTION: UP}, SERVES_NO_PEERS),
        (FOREIGN, {BASTION: Seen("x", Sighting.ABSENT)}, NO_HUB),
        (FOREIGN, {BASTION: Seen("x", Sighting.BROKEN)}, NO_HUB),
        (FOREIGN, {BASTION: Seen("x", Sighting.FOREIGN)}, NO_HUB),
        (FOREIGN, {BASTION: UP, PEERING: replace(UP, connected=False)}, HALF_MADE),
        (FOREIGN, {BASTION: UP, PEERING: replace(UP, connected=True)}, None),
        (FOREIGN, {BASTION: UP, PEERING: Seen("x", Sighting.ABSENT)}, None),
        (MAIN, {BASTION: Seen("x", Sighting.ABSENT)}, None),
        (replace(MAIN, refusal=REFUSED), {}, "QuotaExceeded"),
        (replace(MAIN, refusal=replace(REFUSED, retry_at=NOON)), {}, None),
    ],
)
def test_a_hub_that_cannot_serve_says_why(hub: Hub, parts: dict[str, Seen], code: str | None) -> None:
    found = trouble(hub, "spoke", SPOKE, StackStatus(parts=parts), ESTATE, NOON)
    assert (found and found.code) == code


def test_a_hubs_trouble_is_a_block_that_people_see_and_that_goes_when_it_is_over() -> None:
    hub = replace(MAIN, refusal=REFUSED)
    status = spoke_status()
    status = replace(status, parts={**status.parts, BASTION: replace(status.parts[BASTION], sighting=Sighting.ABSENT)})
    found = spoke(status, hub)
    assert found.status.boxes["one"].phase == "blocked"
    assert "hub main: no more" in found.status.boxes["one"].reason
    assert HUB not in spoke(found.status).status.blocks
