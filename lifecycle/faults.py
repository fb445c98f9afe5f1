"""What an error of Azure means to us: a table of codes, and the exceptions the shell may meet.

::

    Exception
      AzureFault        Azure answered no, or did not answer; carries a Fault
      Conflict          somebody else wrote the row first: return quietly, or read again
      Overdue           a mutation came too late after its claim and was not sent
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Meaning(StrEnum):
    """What the outer loop makes of a fault."""

    BUSY = "busy"  # a matter of state: wait a little, look again
    RETRY = "retry"  # a matter of luck: wait longer each time
    CAPACITY = "capacity"  # Azure has none of these here now: tell the owner, take down what bills
    QUOTA = "quota"  # the subscription may have no more: tell the owner, take down what bills
    PEOPLE = "people"  # the request itself is refused: somebody must change it
    ACCESS = "access"  # a role is missing or has not arrived yet: slow retry and an alert
    LOCKED = "locked"  # somebody put a lock there: very slow retry and an alert, never remove it
    OPERATOR = "operator"  # the subscription is not prepared: an operator must act
    TOKEN = "token"  # noqa: S105 -- a meaning, not a secret: our credential was not taken
    GONE = "gone"  # it does not exist
    LOST = "lost"  # the operation's address is forgotten: look at the resource instead


MEANINGS: dict[str, Meaning] = {
    "InUseSubnetCannotBeDeleted": Meaning.BUSY,
    "PublicIPAddressCannotBeDeleted": Meaning.BUSY,
    "InUseNetworkSecurityGroupCannotBeDeleted": Meaning.BUSY,
    "NicInUse": Meaning.BUSY,
    "NicReservedForAnotherVm": Meaning.BUSY,
    "NetworkSecurityGroupNotCompliantForAzureBastionSubnet": Meaning.BUSY,
    "RetryableError": Meaning.BUSY,
    "RetryableErrorDueToAnotherOperation": Meaning.BUSY,
    "ReferencedResourceNotProvisioned": Meaning.BUSY,
    "AnotherOperationInProgress": Meaning.BUSY,
    "Conflict": Meaning.BUSY,
    "RemotePeeringIsDisconnected": Meaning.BUSY,
    "ResourceGroupBeingDeleted": Meaning.BUSY,
    "CanceledAndSupersededDueToAnotherOperation": Meaning.BUSY,
    "DeploymentActiveAndUneditable": Meaning.BUSY,
    "SkuNotAvailable": Meaning.CAPACITY,
    "AllocationFailed": Meaning.CAPACITY,
    "ZonalAllocationFailed": Meaning.CAPACITY,
    "GatewayAllocationFailed": Meaning.CAPACITY,
    "OverconstrainedZonalAllocationRequest": Meaning.CAPACITY,
    "OperationNotAllowed": Meaning.QUOTA,
    "ResourceQuotaExceeded": Meaning.QUOTA,
    "QuotaExceeded": Meaning.QUOTA,
    "PublicIPCountLimitReached": Meaning.QUOTA,
    "RequestDisallowedByPolicy": Meaning.PEOPLE,
    "InvalidParameter": Meaning.PEOPLE,
    "LocationRequired": Meaning.PEOPLE,
    "PropertyChangeNotAllowed": Meaning.PEOPLE,
    "VnetAddressSpacesOverlap": Meaning.PEOPLE,
    "VMExtensionProvisioningError": Meaning.PEOPLE,
    "AuthorizationFailed": Meaning.ACCESS,
    "LinkedAuthorizationFailed": Meaning.ACCESS,
    "ScopeLocked": Meaning.LOCKED,
    "MissingSubscriptionRegistration": Meaning.OPERATOR,
    "NoRegisteredProviderFound": Meaning.OPERATOR,
    "SubscriptionNotFound": Meaning.OPERATOR,
    "ExpiredAuthenticationToken": Meaning.TOKEN,
    "InvalidAuthenticationToken": Meaning.TOKEN,
    "ResourceNotFound": Meaning.GONE,
    "NotFound": Meaning.GONE,
    "ParentResourceNotFound": Meaning.GONE,
    "ResourceGroupNotFound": Meaning.OPERATOR,
    "OperationIdNotFound": Meaning.LOST,
}
"""ARM error code -> meaning. Codes and their cures: Microsoft's ARM error reference and public issues."""

TAKES_DOWN_WHAT_BILLS = frozenset({Meaning.CAPACITY, Meaning.QUOTA, Meaning.PEOPLE})
"""Meanings after which nothing may keep billing for a box that cannot be had."""

REFUSALS = TAKES_DOWN_WHAT_BILLS | {Meaning.BUSY, Meaning.ACCESS, Meaning.LOCKED, Meaning.OPERATOR, Meaning.TOKEN}
"""Meanings of a plain no: what was asked was not done, and there is nothing new to be seen."""

ALERTS = frozenset({Meaning.ACCESS, Meaning.LOCKED, Meaning.OPERATOR, Meaning.TOKEN})
"""Meanings that an operator should hear of, since no owner can mend them."""

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)
"""Between tries at what may end by itself any time."""
BUSY_WAIT = timedelta(seconds=20)
REFUSED_WAIT = timedelta(hours=1)
LOCKED_WAIT = timedelta(hours=4)
RETRIES_BEFORE_BLOCKED = 8
"""After so many failures in a row any trouble is shown to people as blocked; it is tried again all the same."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One refusal or silence of Azure.

    ``code`` is ARM's, or ``HTTP <status>``, or the exception's name where no answer came.
    ``retry_after`` is what the service asked for, None where it asked for nothing.
    """

    code: str
    message: str
    meaning: Meaning
    retry_after: timedelta | None = None

    def wait(self, failures: int) -> timedelta:
        """Say how long to leave it alone after ``failures`` failures in a row, this one included."""
        match self.meaning:
            case Meaning.BUSY | Meaning.LOST | Meaning.GONE:
                own = _busy_wait(failures)
            case Meaning.RETRY | Meaning.TOKEN:
                own = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 10))
            case Meaning.LOCKED:
                own = LOCKED_WAIT
            case _:
                own = REFUSED_WAIT
        return max(own, self.retry_after or timedelta())

    def blocks(self, failures: int) -> bool:
        """Say whether people should see this as blocked rather than as something that takes its time."""
        match self.meaning:
            case Meaning.BUSY | Meaning.RETRY | Meaning.TOKEN | Meaning.LOST | Meaning.GONE:
                return failures >= RETRIES_BEFORE_BLOCKED
            case _:
                return True


def _busy_wait(failures: int) -> timedelta:
    """Be slower each time that the matter has outlasted what Azure's own work takes."""
    if failures < RETRIES_BEFORE_BLOCKED:
        return BUSY_WAIT
    return LONGEST_WAIT if failures < 2 * RETRIES_BEFORE_BLOCKED else REFUSED_WAIT


def fault(code: str, message: str, retry_after: timedelta | None = None) -> Fault:
    """Name what an ARM error code means; an unknown code is worth a bounded number of retries."""
    return Fault(code, message, MEANINGS.get(code, Meaning.RETRY), retry_after)


class AzureFault(Exception):
    """Azure refused, failed or did not answer; ``fault`` says which."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault


class Conflict(Exception):
    """A compare-and-swap lost: the row ``key`` is not what it was when it was read."""

    def __init__(self, table: str, partition: str, key: str = "") -> None:
        super().__init__(f"{table}/{partition}/{key} was written by somebody else")
        self.table = table
        self.partition = partition
        self.key = key


class Overdue(Exception):
    """A mutation was about to be sent when it must not be, as a rule too long after its claim; it was not sent."""
