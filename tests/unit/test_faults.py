"""What the outer loop makes of each code of Azure."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lifecycle.faults import ALERTS, MEANINGS, RETRIES_BEFORE_BLOCKED, TAKES_DOWN_WHAT_BILLS, AzureFault, Fault, Meaning
from lifecycle.faults import fault as named

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

# meaning: the first wait, the wait when it has failed eight times, shown at once, takes down what bills, alerts
CONSEQUENCES: dict[Meaning, tuple[timedelta, timedelta, bool, bool, bool]] = {
    Meaning.BUSY: (20 * SECOND, 15 * MINUTE, False, False, False),
    Meaning.LOST: (20 * SECOND, 15 * MINUTE, False, False, False),
    Meaning.GONE: (20 * SECOND, 15 * MINUTE, False, False, False),
    Meaning.RETRY: (15 * SECOND, 15 * MINUTE, False, False, False),
    Meaning.TOKEN: (15 * SECOND, 15 * MINUTE, False, False, True),
    Meaning.CAPACITY: (HOUR, HOUR, True, True, False),
    Meaning.QUOTA: (HOUR, HOUR, True, True, False),
    Meaning.PEOPLE: (HOUR, HOUR, True, True, False),
    Meaning.ACCESS: (HOUR, HOUR, True, False, True),
    Meaning.OPERATOR: (HOUR, HOUR, True, False, True),
    Meaning.LOCKED: (4 * HOUR, 4 * HOUR, True, False, True),
}

CODES = {
    Meaning.BUSY: """
        InUseSubnetCannotBeDeleted PublicIPAddressCannotBeDeleted InUseNetworkSecurityGroupCannotBeDeleted NicInUse
        NicReservedForAnotherVm NetworkSecurityGroupNotCompliantForAzureBastionSubnet RetryableError
        RetryableErrorDueToAnotherOperation ReferencedResourceNotProvisioned AnotherOperationInProgress Conflict
        RemotePeeringIsDisconnected
        ResourceGroupBeingDeleted CanceledAndSupersededDueToAnotherOperation DeploymentActiveAndUneditable""",
    Meaning.CAPACITY: """
        SkuNotAvailable AllocationFailed ZonalAllocationFailed GatewayAllocationFailed
        OverconstrainedZonalAllocationRequest""",
    Meaning.QUOTA: "OperationNotAllowed ResourceQuotaExceeded QuotaExceeded PublicIPCountLimitReached",
    Meaning.PEOPLE: """
        RequestDisallowedByPolicy InvalidParameter LocationRequired PropertyChangeNotAllowed
        VMExtensionProvisioningError VnetAddressSpacesOverlap""",
    Meaning.ACCESS: "AuthorizationFailed LinkedAuthorizationFailed",
    Meaning.LOCKED: "ScopeLocked",
    Meaning.OPERATOR: """
        MissingSubscriptionRegistration NoRegisteredProviderFound SubscriptionNotFound ResourceGroupNotFound""",
    Meaning.TOKEN: "ExpiredAuthenticationToken InvalidAuthenticationToken",
    Meaning.GONE: "ResourceNotFound NotFound ParentResourceNotFound",
    Meaning.LOST: "OperationIdNotFound",
}
TABLE = [(code, meaning) for meaning, codes in CODES.items() for code in codes.split()]


def test_the_table_below_speaks_of_every_code_and_every_meaning() -> None:
    assert {code for code, _ in TABLE} == set(MEANINGS)
    assert set(CONSEQUENCES) == set(Meaning)


@pytest.mark.parametrize(("code", "meaning"), TABLE)
def test_a_code_leads_to_its_wait_its_word_to_people_and_its_alert(code: str, meaning: Meaning) -> None:
    refused = named(code, "no")
    first, later, shown, takes_down, alerts = CONSEQUENCES[meaning]
    assert refused.meaning is meaning
    assert refused.wait(1) == first
    assert refused.wait(RETRIES_BEFORE_BLOCKED) == later
    assert refused.blocks(1) is shown
    assert (refused.meaning in TAKES_DOWN_WHAT_BILLS) is takes_down
    assert (refused.meaning in ALERTS) is alerts


@pytest.mark.parametrize("meaning", Meaning)
def test_whatever_fails_eight_times_in_a_row_is_shown_to_people(meaning: Meaning) -> None:
    assert Fault("Some", "no", meaning).blocks(RETRIES_BEFORE_BLOCKED)


def test_an_unknown_code_is_retried_with_growing_pauses_for_ever_but_shown_in_the_end() -> None:
    unknown = named("NeverHeardOf", "no")
    waits = [unknown.wait(failures) for failures in range(1, 12)]
    assert unknown.meaning is Meaning.RETRY
    assert waits[:4] == [15 * SECOND, 30 * SECOND, 60 * SECOND, 120 * SECOND]
    assert waits == sorted(waits)
    assert waits[-1] == unknown.wait(100_000) == 15 * MINUTE
    assert not unknown.blocks(RETRIES_BEFORE_BLOCKED - 1)


def test_what_stays_in_use_for_hours_is_tried_hourly() -> None:
    held = named("InUseNetworkSecurityGroupCannotBeDeleted", "by somebody else's network")
    waits = [held.wait(failures) for failures in range(1, 30)]
    assert waits == sorted(waits)
    assert held.wait(2 * RETRIES_BEFORE_BLOCKED - 1) == 15 * MINUTE
    assert held.wait(2 * RETRIES_BEFORE_BLOCKED) == held.wait(100_000) == HOUR


@pytest.mark.parametrize("meaning", Meaning)
def test_what_azure_asks_for_is_waited_and_never_less_than_our_own_wait(meaning: Meaning) -> None:
    own = Fault("Some", "no", meaning).wait(1)
    assert Fault("Some", "no", meaning, own + HOUR).wait(1) == own + HOUR
    assert Fault("Some", "no", meaning, timedelta()).wait(1) == own


def test_a_fault_names_its_code_when_it_is_raised() -> None:
    assert str(AzureFault(named("SkuNotAvailable", "none here"))) == "SkuNotAvailable: none here"
