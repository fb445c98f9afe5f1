"""What keeps many thousand resources small and quick says just what it would say without it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.arm import RESOURCE_GROUP, faults, traffic
from sandbox.arm.wire import Written, json_text
from tests.sandbox_arm.place import GROUP, LOCATION, NETWORK, Place, bastion_rules, box_rules

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.lists(JSON, max_size=4))
def test_a_value_written_beforehand_reads_as_the_value_itself(plain: Any, parts: list[Any]) -> None:
    written = [Written(json.dumps(each)) for each in parts]
    text = json_text({"plain": plain, "written": [{"inside": each} for each in written]})
    assert json.loads(text) == {"plain": plain, "written": [{"inside": each} for each in parts]}
    assert [each.read() for each in written] == parts


async def test_a_group_reads_the_same_alone_in_a_list_and_as_the_control_side_sees_it(place: Place) -> None:
    await place.ground()
    kinds = place.arm.kinds
    for row in (await place.send("GET", f"{NETWORK}/networkSecurityGroups")).json()["value"]:
        alone = (await place.send("GET", row["id"])).json()
        found = place.arm.cloud.store.get(row["id"])
        assert found is not None
        assert row == alone == kinds[found.kind].view(found)
        for rule in row["properties"]["securityRules"]:
            assert (await place.send("GET", rule["id"])).json() == rule


async def test_rules_that_say_the_same_share_their_body_and_no_write_to_one_shows_in_another(place: Place) -> None:
    groups = place.network.network_security_groups
    body: Any = {"location": LOCATION, "properties": {"securityRules": box_rules()}}
    for name in ("one", "two"):
        await place.done(groups.begin_create_or_update(RESOURCE_GROUP, name, body), minutes=1)
    one, two = (
        place.arm.cloud.store.get(f"{NETWORK}/networkSecurityGroups/{name}/securityRules/in-bastion")
        for name in ("one", "two")
    )
    assert one is not None
    assert two is not None
    assert one.body is two.body
    change: Any = {"location": LOCATION, "properties": {"securityRules": bastion_rules()[:1]}}
    await place.done(groups.begin_create_or_update(RESOURCE_GROUP, "one", change), minutes=1)
    (rule,) = (await groups.get(RESOURCE_GROUP, "one")).security_rules
    assert rule.name == "in-internet"
    assert [each.name for each in (await groups.get(RESOURCE_GROUP, "two")).security_rules] == [
        each["name"] for each in box_rules()
    ]


async def test_texts_with_quotes_and_letters_of_all_kinds_come_back_as_they_were_sent(place: Place) -> None:
    wanted = box_rules()[0]
    wanted["properties"]["description"] = 'a"b\\c%s é{id} \u2028'
    body: Any = {"location": LOCATION, "properties": {"securityRules": [wanted]}}
    groups = place.network.network_security_groups
    await place.done(groups.begin_create_or_update(RESOURCE_GROUP, "group", body), minutes=1)
    (rule,) = (await groups.get(RESOURCE_GROUP, "group")).security_rules
    assert rule.description == wanted["properties"]["description"]


def test_long_lists_push_old_exchanges_out_of_the_record_before_memory_does(place: Place) -> None:
    path = f"{GROUP}?api-version=2022-09-01"
    kept = traffic.Traffic()
    body = b"x" * (traffic._MOST_BYTES // 4)
    for _ in range(9):
        request, response = place.raw_exchange("GET", path)
        response.body, response.injected = body, True
        kept.record(place.clock.now(), request, response)
    assert len(kept) == 4
    request, response = place.raw_exchange("GET", path)
    response.body, response.injected = body * 5, True
    kept.record(place.clock.now(), request, response)
    assert len(kept) == 1


def test_what_stale_answers_remember_is_bounded_too(place: Place) -> None:
    known = faults.Faults(place.arm.cloud)
    requests = []
    for index in range(9):
        request, response = place.raw_exchange("GET", f"{GROUP}{index}?api-version=2022-09-01")
        response.body = b"x" * (faults._MOST_BYTES // 4)
        known.remember(request, response)
        requests.append(request)
    assert [known.stale(each) is not None for each in requests] == [False] * 5 + [True] * 4
