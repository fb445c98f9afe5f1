"""What the second witness promises: changes with ``ports.Azure.counts``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.faults import AzureFault
from lifecycle.model import Count
from tests.cloud.ids import BASTION

if TYPE_CHECKING:
    from lifecycle.cloud.arm import ArmAzure
    from tests.cloud.script import Script

TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def body(*series: list[dict[str, Any]]) -> dict[str, Any]:
    return {"value": [{"name": {"value": "sessions"}, "timeseries": [{"data": points} for points in series]}]}


def point(at: datetime, **numbers: float | None) -> dict[str, Any]:
    return {"timeStamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), **numbers}


async def counts(azure: ArmAzure) -> tuple[Count, ...]:
    return await azure.counts(BASTION, TEN, TEN + 6 * FIVE)


async def test_each_interval_with_a_number_is_a_count(azure: ArmAzure, script: Script) -> None:
    script.answer(200, body([point(TEN, maximum=2.0), point(TEN + FIVE, maximum=0.0)]))
    assert await counts(azure) == (Count(TEN, TEN + FIVE, 2), Count(TEN + FIVE, TEN + 2 * FIVE, 0))
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("GET", f"{BASTION}/providers/Microsoft.Insights/metrics")
    assert asked.query["timespan"] == "2026-03-01T10:00:00Z/2026-03-01T10:30:00Z"
    assert asked.query["metricnames"] == "sessions"


async def test_the_largest_of_the_aggregations_counts_and_a_fraction_is_somebody(
    azure: ArmAzure, script: Script
) -> None:
    script.answer(200, body([point(TEN, average=0.2, total=None, maximum=0.0)]))
    assert [count.most for count in await counts(azure)] == [1]


async def test_the_instances_of_a_host_are_summed_up(azure: ArmAzure, script: Script) -> None:
    script.answer(200, body([point(TEN, total=1.0)], [point(TEN, total=2.0)]))
    assert [count.most for count in await counts(azure)] == [3]


async def test_an_interval_without_a_number_is_no_witness(azure: ArmAzure, script: Script) -> None:
    script.answer(200, body([point(TEN), point(TEN + FIVE, total=None)]))
    assert await counts(azure) == ()


@pytest.mark.parametrize("answer", [{}, [], {"value": None}, {"value": [{"timeseries": [{"data": [{"total": 1}]}]}]}])
async def test_what_is_no_metric_is_a_fault_and_never_nobody(azure: ArmAzure, script: Script, answer: Any) -> None:
    script.answer(200, answer)
    with pytest.raises(AzureFault):
        await counts(azure)


@pytest.mark.parametrize("status", [403, 404, 429, 503])
async def test_a_refusal_is_a_fault(azure: ArmAzure, script: Script, status: int) -> None:
    script.answer(status, {"error": {"code": "AuthorizationFailed", "message": "no"}})
    with pytest.raises(AzureFault):
        await counts(azure)
