"""What a soak says of itself is what came of it: its last line, its verdict and its table."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lifecycle.faults import MEANINGS
from tests.proof.parts import PartResult
from tests.proof.soak import BEGIN, CODES, END, ENOUGH_TIMES, Sum, held, last_line, table, write_report
from tests.proof.storm import Outcome

ALL_KILLED = {"mutants": PartResult(Counter({"planted bugs": 51}), 0, mutants_killed=51, mutants_planted=51)}
KILLS = {"kills": PartResult(Counter({"kills": 120}), 0, kills=120)}


def outcome(seed: int = 7, violations: tuple[str, ...] = (), orphans: int = 0) -> Outcome:
    return Outcome(
        seed=seed,
        stack_days=21,
        events=1000,
        trace="t",
        violations=violations,
        faults=Counter({"table 5xx": 3, "lost-reply": 2}),
        codes=Counter(dict.fromkeys(CODES, 60)),
        crashes=Counter({"before PUT": 4}),
        answers=Counter(),
        switches={"session_shape": "object"},
        orphans=orphans,
        mutations=50,
        converged_after=timedelta(hours=seed),
        cpu_seconds=7.0,
    )


def total(*outcomes: Outcome) -> Sum:
    found = Sum()
    for each in outcomes:
        found.add(each)
    return found


def test_the_last_line_adds_up_all_seeds_and_all_other_proofs() -> None:
    both = total(outcome(1), outcome(2, ("S1: not ours",)))
    assert last_line(both, {**ALL_KILLED, "walk": PartResult(violations=3)}) == (
        "soak: seeds=2 stack_days=42 events=2000 faults=10 crashes=8 violations=4 mutants=51/51 orphans=0"
    )


def test_a_soak_holds_when_nothing_was_violated_or_left_and_every_planted_bug_was_noticed() -> None:
    assert held(total(outcome()), {**ALL_KILLED, **KILLS})


@pytest.mark.parametrize(
    ("seed", "proofs"),
    [
        (outcome(violations=("S2: somebody was cut off",)), ALL_KILLED),
        (outcome(orphans=1), ALL_KILLED),
        (outcome(), {**ALL_KILLED, "walk": PartResult(violations=1)}),
        (outcome(), {"mutants": replace(ALL_KILLED["mutants"], mutants_killed=50)}),
    ],
    ids=["a violation of a seed", "an orphan", "a violation elsewhere", "a planted bug that nobody noticed"],
)
def test_a_soak_does_not_hold_with(seed: Outcome, proofs: dict[str, PartResult]) -> None:
    assert not held(total(seed), proofs)


def test_the_table_has_the_longest_convergence_and_every_fault_switch_and_part() -> None:
    shown = table(total(outcome(1), outcome(2)), {**ALL_KILLED, **KILLS}, seed_from=1, took_seconds=60)
    for row in (
        "| seeds | 2 (1 to 2) |",
        "| longest convergence | 2:00:00 |",
        "| mutants killed / planted | 51/51 |",
        "| real processes killed and survived | 120 |",
        "| part `kills` | 120 kills, 0 violations |",
        "| stack-days a second and core | 3.00 |",
        "| table 5xx | 6 |",
        "| session_shape = object | 2 |",
    ):
        assert row in shown.splitlines()


def test_the_table_names_what_azure_answered_too_seldom() -> None:
    once, twice = total(outcome()), total(outcome(), outcome())
    assert f"fewer than {ENOUGH_TIMES} times in it: {', '.join(CODES)}." in table(once, {}, 1, 60)
    assert f"fewer than {ENOUGH_TIMES} times in it: none." in table(twice, {}, 1, 60)


def test_every_code_that_is_counted_has_a_meaning() -> None:
    assert set(CODES) <= MEANINGS.keys()


def test_a_report_keeps_what_stands_around_its_table(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    report.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    write_report("new", report)
    write_report("newer", report)
    assert report.read_text() == f"above\n{BEGIN}\nnewer\n{END}\nbelow\n"


def test_the_report_says_of_each_figure_from_which_commit_and_day_it_is() -> None:
    shown = table(total(outcome()), {}, 1, 60)
    assert re.search(r"\| commit \| ([0-9a-f]{7,}|unknown) \|", shown)
    assert re.search(r"\| date \| \d{4}-\d\d-\d\d \|", shown)
