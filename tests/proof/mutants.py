"""Planted bugs: small wrong designs, each of which a named check in a fixed scene must notice. See ``planting``.

``python -m tests.proof.mutants`` plants all of them, one after the other, and prints which check noticed which.
"""

from __future__ import annotations

import sys
import time

from tests.proof import scenarios
from tests.proof.planting import Mutant, unnoticed

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "people's words are written without an etag",
        "lifecycle.commands:Commands._say",
        "[Replace(row_of(",
        "[Put(row_of(",
        scenarios.two_words_at_once,
        "no acknowledged word is lost",
    ),
    Mutant(
        "a forgotten operation is polled on",
        "lifecycle.lookout:Lookout._poll_one",
        "if progress.running:",
        "if progress.running or progress.fault:",
        scenarios.an_operation_that_azure_forgets,
        "a token that is of no use is dropped",
    ),
    Mutant(
        "tags are checked on the last sighting",
        "lifecycle.reconcile:Reconciler._begin",
        "actual, seen = await self.lookout.see(part, turn.now)",
        "actual, seen = None, turn.status.parts.get(part.key)",
        scenarios.a_part_that_changes_hands,
        "the tags that count are read under the claim",
    ),
    Mutant(
        "a 404 on the session list means that the host is gone",
        "lifecycle.lookout:Lookout._look_inside",
        "await self._look_at(turn, [turn.decide().parts[BASTION]], everything=False)",
        "turn.status, _ = saw_sessions(turn.status, (), {}, turn.now); return",
        scenarios.a_session_list_that_is_not_found,
        "a 404 on a list is no absence",
    ),
    Mutant(
        "any 404 is an absence",
        "lifecycle.cloud.arm_faults:is_absence",
        " and fault_of(trouble).code in ABSENT_CODES",
        "",
        scenarios.a_page_that_says_404,
        "only ARM's own 404 is an absence",
    ),
    Mutant(
        "an unknown session list means idle",
        "lifecycle.observation:activity",
        "return Unknown(why, since)",
        "return quiet",
        scenarios.a_silent_session_list,
        "unknown is never idle",
    ),
    Mutant(
        "closing is an event of its minute",
        "lifecycle.target:_outside_hours",
        "if span.open or case.courtesy_until is not None:",
        "if span.open or case.courtesy_until or case.now - span.since_at > timedelta(minutes=10):",
        scenarios.a_closing_that_nobody_saw,
        "a closing that was missed is made up for",
    ),
    Mutant(
        "wall time is taken for UTC",
        "lifecycle.walltime:instant_at",
        "wall = datetime.combine(day, clock, tzinfo=zone)",
        "return datetime.combine(day, clock, tzinfo=UTC)",
        scenarios.a_day_in_new_york,
        "hours are those of the schedule's zone",
    ),
    Mutant(
        "the public IP goes before its host",
        "lifecycle.blueprint:_door",
        "outlived_by=(BASTION,),",
        "outlived_by=(),",
        scenarios.a_life,
        "nothing is asked of Azure that it must refuse",
    ),
    Mutant(
        "the network goes before its inhabitants",
        "lifecycle.blueprint:_network",
        "outlived_by=tuple(inhabitants),",
        "outlived_by=(),",
        scenarios.a_life,
        "nothing is asked of Azure that it must refuse",
    ),
    Mutant(
        "the disk is left at Detach",
        "lifecycle.bodies:machine",
        '"deleteOption": "Delete",\n                "diskSizeGB"',
        '"deleteOption": "Detach",\n                "diskSizeGB"',
        scenarios.a_machine_deleted_in_the_portal,
        "a machine takes its disk and its interface along",
    ),
    Mutant(
        "the interface is left at Detach",
        "lifecycle.bodies:machine",
        '{"primary": True, "deleteOption": "Delete"}',
        '{"primary": True}',
        scenarios.a_machine_deleted_in_the_portal,
        "a machine takes its disk and its interface along",
    ),
    Mutant(
        "the meter is that of the request",
        "lifecycle.sightings:sight",
        "meters=_meters(part.kind, body, power),",
        "meters=_meters(part.kind, part.body, Power.RUNNING),",
        scenarios.a_machine_stopped_by_the_clock,
        "the books say that a parked machine costs nothing",
    ),
    Mutant(
        "a poisoned stack is left alone",
        "lifecycle.delivery:Delivery.poisoned",
        "if queue is Queue.RECONCILE and again:",
        "if queue is Queue.CHORES:",
        scenarios.a_poisoned_stack,
        "a stack outlives its poisoned message",
    ),
    Mutant(
        "nobody is told of poison",
        "lifecycle.delivery:Delivery.poisoned",
        "await tell(self.tables, self.bell, Notice(",
        "_ = (self.tables, self.bell, Notice(",
        scenarios.a_poisoned_stack,
        "operators hear of poison",
    ),
    Mutant(
        "the sweep reads the present page only",
        "lifecycle.due:until",
        "tables.scan(Table.DUE, before=",
        "tables.scan(Table.DUE, first=_bucket(at), before=",
        scenarios.a_night_of_storage,
        "what was due long ago is still rung for",
    ),
    Mutant(
        "a stalled worker acts late",
        "lifecycle.cloud.arm:ArmAzure.begin",
        "+ CLAIM_HOLDS_SECONDS - claim_age",
        "+ CLAIM_HOLDS_SECONDS",
        scenarios.a_worker_that_stalls_after_its_claim,
        "a mutation is not sent long after its claim",
    ),
    Mutant(
        "tags that others add are drift",
        "lifecycle.sightings:_drift",
        "return tuple(path for path in paths if",
        'return tuple(path for path in (*paths, "tags") if path == "tags" and body.get(path) != part.body.get(path) or',
        scenarios.a_steady_day,
        "a box that is asked for gets ready",
    ),
    Mutant(
        "the door is shut without a drain",
        "lifecycle.plan:gate",
        "draining = closing and drainable",
        "draining = False",
        scenarios.somebody_who_comes_as_the_door_is_shut,
        "who is let in is not cut off",
    ),
    Mutant(
        "the drain is never lifted",
        "lifecycle.sightings:_covers",
        "stale = DRAIN_RULE in there and",
        "stale = False and",
        scenarios.a_life,
        "who wakes a box can get in again",
    ),
    Mutant(
        "a claim keeps nobody out",
        "lifecycle.reconcile:Reconciler._is_held",
        "operation.token is None and",
        "False and",
        scenarios.a_second_worker_between_claim_and_act,
        "what is claimed is its claimer's alone",
    ),
    Mutant(
        "whoever comes is due",
        "lifecycle.agenda:Agenda.due",
        "return self.is_news or",
        "return True or",
        scenarios.a_steady_day,
        "doubled messages die out",
    ),
    Mutant(
        "doubled messages are taken for early ones",
        "lifecycle.agenda:Agenda.due",
        "<= now + self._early",
        "<= now + EARLY",
        scenarios.an_operation_that_never_ends,
        "doubled messages die out while Azure is at work",
    ),
    Mutant(
        "the bell is rung before the status is stored",
        "lifecycle.reconcile:Reconciler._save",
        "    await self._commit(turn, status, changes)\n",
        "    await self.bell.ring(Queue.RECONCILE, name, (again or turn.now) - turn.now)\n"
        "    await self._commit(turn, status, changes)\n    return\n",
        scenarios.a_status_that_is_read_as_its_bell_rings,
        "no wake-up is rung before what it is for is stored",
    ),
    Mutant(
        "a key is forgotten",
        "lifecycle.commands:Commands.ask",
        "if once.mark and earlier is None:",
        "if False:",
        scenarios.a_request_that_is_sent_again,
        "one key gives one box",
    ),
    Mutant(
        "a need never lapses",
        "lifecycle.hubs:needed_until",
        "if need.door and need.until > now",
        "if need.door",
        scenarios.a_hub_whose_guest_is_lost,
        "a need that nobody renews lapses",
    ),
    Mutant(
        "the bill takes the narrow end",
        "lifecycle.meters:Meter.wide",
        "self.closed_absent_at or now)",
        "self.closed_seen_at or now)",
        scenarios.a_life,
        "the truth lies between the brackets",
    ),
    Mutant(
        "a meter opens when its part is first seen in order",
        "lifecycle.meters:Meter.wide",
        "max(self.opened_claimed_at, late or self.opened_claimed_at)",
        "self.opened_seen_at",
        scenarios.a_life,
        "the truth lies between the brackets",
    ),
    Mutant(
        "the last to come bears it all",
        "lifecycle.costs:_Sharing._holders",
        "if each.holds(at) and meter.box in (None, each.box)]",
        "if meter.box in (None, each.box)][-1:]",
        scenarios.two_owners_one_after_the_other,
        "who had it bears it",
    ),
    Mutant(
        "Azure's auto-shutdown is not moved for a hold",
        "lifecycle.plan:_mend_net",
        "(seen.drift or not seen.sound)",
        "not seen.sound",
        scenarios.a_hold_past_the_net,
        "a hold outlasts Azure's auto-shutdown",
    ),
    Mutant(
        "a door goes with the first who retires",
        "lifecycle.decision:_door_wanted",
        "return any(",
        "return all(",
        scenarios.two_boxes_and_one_retires,
        "a door that another needs stays",
    ),
    Mutant(
        "whatever stands under our name is ours",
        "lifecycle.sightings:sight",
        "if not tagged and not _born_ours(part, body):",
        "if False:",
        scenarios.something_of_others,
        "what is not ours is never touched",
    ),
    Mutant(
        "an accepted deletion is a deletion",
        "lifecycle.reconcile:Reconciler._begin",
        "if accepted.token is None:",
        "if begin.verb is Verb.DELETE:\n"
        "            gone = replace(seen, sighting=Sighting.ABSENT)\n"
        "            turn.status = replace(turn.status, parts={**turn.status.parts, part.key: gone})\n"
        "            turn.operations.pop(part.key)\n"
        "        elif accepted.token is None:",
        scenarios.a_deletion_that_fails_later,
        "gone is what a look has shown",
    ),
    Mutant(
        "a limit needs no warning",
        "lifecycle.target:_Case.announced",
        "return max(deadline.at, warned.told_at + self.policy.warning_lead)",
        "return deadline.at",
        scenarios.a_lease_that_ends_unseen,
        "the limit comes no earlier than warning and lead",
    ),
    Mutant(
        "a lease counts from the request",
        "lifecycle.target:lease_until",
        "ready_at = known.first_ready_at or box.wanted_from_at + LONGEST_BUILD",
        "ready_at = box.requested_at",
        scenarios.a_lease_that_ends_unseen,
        "a lease counts from ready",
    ),
    Mutant(
        "who is open already counts as never opened",
        "lifecycle.target:_Case.was_open_since",
        "last_open_at = self.known.last_open_at",
        "last_open_at = self.known.ready_at",
        scenarios.a_wake_of_what_is_open,
        "what was shut is not opened again by itself",
    ),
    Mutant(
        "closing time asks nobody",
        "lifecycle.target:_Case.ending",
        "if isinstance(self.activity, Idle) and self.activity.sure:",
        "if True:",
        scenarios.somebody_inside_at_closing,
        "nobody is cut off before the announced limit",
    ),
    Mutant(
        "a machine is powered off, not deallocated",
        "lifecycle.cloud.arm:ArmAzure._call",
        "operations.begin_deallocate",
        "operations.begin_power_off",
        scenarios.a_machine_stopped_by_the_clock,
        "a parked machine costs nothing",
    ),
    Mutant(
        "outcomes are not put on record",
        "lifecycle.turn:Turn.end",
        "self.entries.append(",
        "_ = (",
        scenarios.a_life,
        "every mutation has its intent and its outcome",
    ),
    Mutant(
        "the bound on deletions is counted and not kept",
        "lifecycle.reconcile:Reconciler._allowed",
        "for begin in begins if begin not in withheld)",
        "for begin in begins)",
        scenarios.a_bound_on_deletions,
        "no more is deleted in an hour than is allowed",
    ),
    Mutant(
        "a dry run acts",
        "lifecycle.reconcile:Reconciler._allowed",
        "        return ()\n",
        "        return begins\n",
        scenarios.a_dry_run,
        "a dry run changes nothing in Azure",
    ),
    Mutant(
        "anybody may retire anything",
        "lifecycle.people:Person.must_own",
        "if ",
        "if False and ",
        scenarios.another_persons_box,
        "nobody retires another person's box",
    ),
    Mutant(
        "a range is taken whoever has it",
        "lifecycle.ranges:claim_this",
        "[Insert(Row(",
        "[__import__('lifecycle.ports').ports.Put(Row(",
        scenarios.two_stacks_at_once,
        "no two stacks have the same addresses",
    ),
    Mutant(
        "a stack has room for everybody",
        "lifecycle.commands:_check_room",
        "if _room(rows) < 1:",
        "if _room(rows) < -99:",
        scenarios.a_stack_that_fills_up,
        "no stack has more boxes than it may",
    ),
    Mutant(
        "a pass answers what it leaves to be done at once",
        "lifecycle.sweeps:_is_answered",
        "entry.at < passed_at",
        "entry.at <= passed_at",
        scenarios.a_life_by_sweeps_alone,
        "a lost message costs a sweep and no more",
    ),
    Mutant(
        "a sweep keeps a stack's latest entry only",
        "lifecycle.sweeps:Sweeps._ring",
        "if entry is not latest and _is_stale(entry, agenda, now):",
        "if entry is not found[-1]:",
        scenarios.a_sweep_in_the_midst_of_each_save,
        "a sweep leaves what a pass relies on",
    ),
    Mutant(
        "what is seen under a claim is not booked",
        "lifecycle.reconcile:Reconciler._begin",
        "turn.saw({part.key: seen})",
        "turn.status = replace(turn.status, parts={**turn.status.parts, part.key: seen})",
        scenarios.a_disk_that_goes_unseen,
        "what is gone bills no more",
    ),
    Mutant(
        "what nobody heard of never was",
        "lifecycle.reconcile:Reconciler._begin",
        "turn.unheard(operation)",
        "pass",
        scenarios.a_start_that_nobody_heard_of,
        "the bill is not below the truth",
    ),
    Mutant(
        "a machine that failed is billed for sure",
        "lifecycle.observation:_may_have_stopped_billing",
        "return sight.power",
        "return False and sight.power",
        scenarios.a_machine_that_fails,
        "the truth lies inside the books",
    ),
    Mutant(
        "a door waits for a network that nobody makes",
        "lifecycle.blueprint:blueprint",
        "if door or links.needed",
        "if links.needed",
        scenarios.a_refusal_of_all_that_needs_the_network,
        "what was refused is tried again",
    ),
    Mutant(
        "Retry-After is slept out inside",
        "lifecycle.cloud.arm_pipeline:policies",
        "        RetryAfterInSeconds(),\n",
        "        RetryAfterInSeconds(),\n"
        "        __import__('azure.core.pipeline.policies').core.pipeline.policies.AsyncRetryPolicy(),\n",
        scenarios.a_refusal_with_a_wait,
        "nobody sleeps inside an invocation",
    ),
)
"""All that are planted."""

FASTEST = (
    "people's words are written without an etag",
    "a claim keeps nobody out",
    "a key is forgotten",
    "the disk is left at Detach",
    "anybody may retire anything",
    "a range is taken whoever has it",
    "a stack has room for everybody",
    "a dry run acts",
    "a stalled worker acts late",
    "the sweep reads the present page only",
)
"""Those that are planted in ``make proof`` too."""


def main(names: list[str]) -> int:
    """Print which check noticed which mutant; gives how many survived."""
    survivors = 0
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    for mutant in chosen:
        begun = time.process_time()
        seen = unnoticed(mutant)
        survivors += bool(seen)
        verdict = f"SURVIVED ({seen[:300]})" if seen else "killed"
        took = f"{time.process_time() - begun:.1f} s"
        print(f"{mutant.name} -> {mutant.scene.__name__}: {mutant.check} -> {verdict}  [{took}]", flush=True)  # noqa: T201 -- a person asked
    print(f"{len(chosen) - survivors}/{len(chosen)} killed")  # noqa: T201 -- likewise
    return survivors


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
