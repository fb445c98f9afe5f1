"""The nouns: what people ask for, what Azure shows, and what we keep of it.

Everything here is a frozen value. Instants end in ``_at`` or ``_until`` and are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

BOXES_PER_STACK = 16


class Level(IntEnum):
    """How much of a box is to stand, each level containing the one below."""

    GONE = 0
    PARKED = 1  # VM deallocated
    WARM = 2  # VM running
    OPEN = 3  # reachable: Bastion up


class Login(StrEnum):
    """The way in."""

    ENTRA = "entra"  # the AADSSHLoginForLinux extension; needs outbound
    KEY = "key"  # the caller's public SSH key


class Outbound(StrEnum):
    """How machines of a stack reach the internet."""

    NONE = "none"
    DEFAULT = "default"  # Azure's implicit address, free
    NAT = "nat"  # a NAT gateway with an address of its own


class Sku(StrEnum):
    """Bastion SKUs that serve a whole VNet."""

    BASIC = "Basic"
    STANDARD = "Standard"
    PREMIUM = "Premium"


class Kind(StrEnum):
    """The ARM types a stack is made of."""

    VNET = "Microsoft.Network/virtualNetworks"
    PEERING = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
    NSG = "Microsoft.Network/networkSecurityGroups"
    ADDRESS = "Microsoft.Network/publicIPAddresses"
    NAT = "Microsoft.Network/natGateways"
    BASTION = "Microsoft.Network/bastionHosts"
    NIC = "Microsoft.Network/networkInterfaces"
    VM = "Microsoft.Compute/virtualMachines"
    EXTENSION = "Microsoft.Compute/virtualMachines/extensions"
    DISK = "Microsoft.Compute/disks"
    SHUTDOWN = "Microsoft.DevTestLab/schedules"


class Verb(StrEnum):
    """The mutations we make, and no others."""

    PUT = "put"
    TAG = "tag"
    DELETE = "delete"
    START = "start"
    DEALLOCATE = "deallocate"


class Sighting(StrEnum):
    """What Azure shows of a part."""

    UNSEEN = "unseen"  # not looked at yet
    ABSENT = "absent"
    SOUND = "sound"
    BUSY = "busy"  # Azure is still at it
    BROKEN = "broken"  # provisioning failed
    FOREIGN = "foreign"  # exists, and is not ours


class Power(StrEnum):
    """A VM's power state, as its instance view tells it."""

    RUNNING = "running"
    STOPPED = "stopped"  # powered off from inside: keeps billing
    DEALLOCATED = "deallocated"
    CHANGING = "changing"


@dataclass(frozen=True, slots=True)
class StackIntent:
    """What people want of a stack. Written by commands only."""

    region: str
    sku: Sku
    outbound: Outbound
    keep_public_ip: bool
    address_range: str
    """The CIDR claimed for the VNet, e.g. ``10.64.3.0/24``."""
    created_at: datetime
    created_by: str
    hub: str | None = None
    """The stack whose door this one uses, or the ARM id of a Bastion that is not ours; None where it has its own."""
    changes: int = 0
    """Counts writes: a command that adds a box writes this row too, so that a stack cannot close under it."""
    exempt_until: datetime | None = None
    """Until then nothing of it is closed or taken away, but for what people retire."""


@dataclass(frozen=True, slots=True)
class OtherHours:
    """Another schedule that a box follows for a while: [since_at, until_at)."""

    schedule: str
    since_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class BoxIntent:
    """What people want of a box. Written by commands only."""

    name: str
    incarnation: str
    """Tells this box from an earlier one of the same name."""
    owner: str
    requested_by: str
    requested_at: datetime
    reason: str
    hours: float
    """Length of the lease, counted from ready, or from ``start_at`` where that is later; grows with each extension."""
    schedule: str
    vm_size: str
    login: Login
    ssh_public_key: str | None = None
    start_at: datetime | None = None
    until: datetime | None = None
    """The instant at which the lease ends whenever it began; None where its length is what was asked for."""
    other_hours: OtherHours | None = None
    hold_until: datetime | None = None
    woken_at: datetime | None = None
    parked_at: datetime | None = None
    retired_at: datetime | None = None
    word: str = ""
    """The reason given with the latest wake, park, extend or retire, and by whom."""
    heard: tuple[str, ...] = ()
    """Marks of the latest words said under an Idempotency-Key: each counts once."""

    @property
    def wanted_from_at(self) -> datetime:
        """The instant from which it is meant to exist."""
        return self.start_at or self.requested_at

    @property
    def schedule_names(self) -> tuple[str, ...]:
        """The schedules that it goes by: its own, and another for a while."""
        return (self.schedule, *([self.other_hours.schedule] if self.other_hours else []))

    def lengthened(self, hours: float) -> BoxIntent:
        """Give the same box with so much more of a lease."""
        until = self.until + timedelta(hours=hours) if self.until else None
        return replace(self, hours=self.hours + hours, until=until)


@dataclass(frozen=True, slots=True)
class Seen:
    """One part as last seen."""

    arm_id: str
    sighting: Sighting = Sighting.UNSEEN
    seen_at: datetime | None = None
    power: Power | None = None
    drift: tuple[str, ...] = ()
    """Which aspects differ from the blueprint."""
    against: str = ""
    """Which blueprint that was: a digest of the compared aspects."""
    drained: bool | None = None
    """For the frontend's security group: whether it keeps new connections from Bastion out."""
    address: str | None = None
    """For a network interface its private address, for a public address the address."""
    meters: tuple[str, ...] = ()
    """What it bills by as it stands, from the fact and not from the request."""
    tagged: bool = True
    """Whether our tags are on it; an OS disk has none until we put them there."""
    connected: bool | None = None
    """For a peering: whether both of its sides stand."""
    going: bool = False
    """Whether Azure is at work on its deletion, whoever asked for that."""

    busy_since_at: datetime | None = None
    """Since when Azure has been seen at work on it; None while it is not."""
    settled: Power | None = None
    """For a machine the power state it last came to rest in."""
    by_hand_at: datetime | None = None
    """When it was first seen to have come there by somebody else's doing; None where it was ours."""
    leaving: bool = False
    """Whether we have set out to delete it: then it is our doing that it is gone."""

    @property
    def stands(self) -> bool:
        """Whether something is there, ours, whatever its state."""
        return self.sighting in (Sighting.SOUND, Sighting.BUSY, Sighting.BROKEN)

    @property
    def sound(self) -> bool:
        """Whether it is there, ours and in order."""
        return self.sighting is Sighting.SOUND


@dataclass(frozen=True, slots=True)
class Block:
    """Why a part cannot be had or removed now. Kept until a later try succeeds."""

    verb: Verb
    code: str
    message: str
    failures: int
    retry_at: datetime
    shown: bool
    """Whether people see it as blocked; a short wait is not shown."""
    takes_down: bool = False
    """Whether nothing may keep billing for a box that waits for this part."""
    since_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """Something about a part that somebody else has changed."""

    what: str
    """``deleted``, ``tags``, or the aspects that differ, e.g. ``properties.securityRules``."""
    seen_at: datetime
    mended_at: datetime | None = None
    """When it was first seen in order again; None while it is not."""


@dataclass(frozen=True, slots=True)
class OpenMeter:
    """An interval that runs, or may: it began between ``claimed_at`` and ``sound_at``.

    Whether Azure bills from the accepted request or from its success is not documented. So two more instants narrow
    it down: by ``there_at`` the request had been accepted, at ``busy_at`` it was last seen unfinished. ``meter`` is
    its name, with ``*n`` for n units of it.
    """

    meter: str
    arm_id: str
    claimed_at: datetime
    last_seen_at: datetime
    sound_at: datetime | None = None
    there_at: datetime | None = None
    busy_at: datetime | None = None
    seen: bool = True
    """False from the claim to the first sighting: it may come to nothing, and then it never was."""
    unsure: bool = False
    """Whether Azure may have begun to make it, and nobody can tell."""
    lost: bool = False
    """Whether the worker that claimed it was lost, and with it its look at what stood there under the claim."""
    failed: bool = False
    """Whether Azure once was through with making it, badly: it may bill from then on, however it is made again."""

    @property
    def supposed(self) -> bool:
        """Whether nothing says that it ever began but a claim whose request was never sent, or was refused."""
        return not self.seen and self.there_at is None and not self.unsure

    @property
    def may_be_older(self) -> bool:
        """Whether what turns up may have stood there before the claim: nothing was sent, or nobody knows what was."""
        return not self.seen and self.there_at is None and (self.lost or not self.unsure)

    @property
    def unfinished(self) -> bool:
        """Whether Azure was never seen to be through with making it."""
        return self.sound_at is None and not self.failed


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Somebody who is connected, between two sightings."""

    box: str
    """Empty where the service does not say which machine."""
    user: str
    protocol: str
    started_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Warned:
    """People were told, at ``told_at``, of what happens at ``deadline_at``."""

    deadline_at: datetime
    told_at: datetime


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """What the reconciler knows of a box."""

    incarnation: str
    level: Level = Level.GONE
    target: Level = Level.GONE
    phase: str = "building"
    reason: str = ""
    changes_at: datetime | None = None
    asked_at: datetime | None = None
    """When it was last told to open: the start of the current wait for it."""
    first_ready_at: datetime | None = None
    """When a person could first get in: the lease counts from here."""
    ready_at: datetime | None = None
    """When it last became open after not being so."""
    last_open_at: datetime | None = None
    """When it was last seen open."""
    lease_until: datetime | None = None
    last_active_at: datetime | None = None
    """The end of the latest session on it, or the latest sighting of one."""
    warned: Mapping[str, Warned] = field(default_factory=dict)
    """The latest warning of each kind of deadline (``lease``, ``cut``)."""
    connected: int = 0
    eta_at: datetime | None = None
    stopped_by_hand_at: datetime | None = None
    """When its machine was first seen stopped by somebody else's doing, while it is."""
    started_by_hand_at: datetime | None = None
    """The same for a machine that runs."""
    waiting_since_at: datetime | None = None
    """Since when it is to be open and is not yet."""
    used_on: tuple[str, ...] = ()
    """The latest dates, in its schedule's zone, on which somebody was connected."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A claimed step in flight."""

    part: str
    verb: Verb
    kind: Kind
    arm_id: str
    reason: str
    claimed_at: datetime
    claimed_real_at: datetime
    """The wall clock at the claim: the age of a claim is real time, also in the sandbox."""
    audit_key: str = ""
    token: str | None = None
    poll_at: datetime | None = None
    silences: int = 0
    """How often in a row asking how it goes got no answer."""


@dataclass(frozen=True, slots=True)
class Need:
    """A stack's word that it needs its hub, kept in the hub's partition. Not renewed, it lapses at ``until``."""

    until: datetime
    reason: str
    door: bool = True
    """Whether it needs the door now, or only the network in front of it."""
    vnet: str = ""
    """The ARM id of its network once that stands: the hub makes its side of the peering then."""
    since_at: datetime | None = None
    """Since when it has said so without a break: a need that comes back after it lapsed is news to the hub."""


@dataclass(frozen=True, slots=True)
class HubSeen:
    """What was last seen around a Bastion that is not ours."""

    vnet_id: str
    bastion_range: str
    sku: str
    ranges: Mapping[str, str]
    """Address range -> the ARM id of the network that has it: the Bastion's own, and those peered with it."""


@dataclass(frozen=True, slots=True)
class Hub:
    """What a stack knows of the hub whose door it uses."""

    name: str
    """The stack's name, or the Bastion's ARM id."""
    ours: bool
    bastion_id: str
    vnet_id: str = ""
    """Empty while it is not known."""
    bastion_range: str = ""
    ranges: Mapping[str, str] = field(default_factory=dict)
    """Address range -> the ARM id of the network that has it: none of them may overlap the stack's own."""
    sku: str = ""
    stands: bool = False
    """Whether its network is there to be peered with."""
    leaving: bool = False
    """Whether its door is being removed: nobody can be inside any more."""
    word: Need | None = None
    """What this stack last said it needs."""
    refusal: Block | None = None
    """Why the hub itself cannot have its door."""


@dataclass(frozen=True, slots=True)
class StackStatus:
    """What the reconciler knows of a stack. Written by the reconciler only."""

    revision: str = ""
    """A digest of the intents this status was derived from."""
    look_again_at: datetime | None = None
    passed_at: datetime | None = None
    """The instant of the last pass that came to its end: whatever was due up to then has been seen to."""
    passed_real_at: datetime | None = None
    """The wall clock at the end of that pass: a ring before it has been answered."""
    looked_at: datetime | None = None
    """When all parts were last looked at."""
    sessions_at: datetime | None = None
    """When the session list was last read well."""
    sessions_failing_since_at: datetime | None = None
    counted_at: datetime | None = None
    """When the second witness, the Session Count metric, last answered."""
    counted_from_at: datetime | None = None
    """The beginning of the newest whole interval that it had counted then."""
    counted: int = 0
    """How many sessions there were at most in that interval."""
    phase: str = "building"
    parts: Mapping[str, Seen] = field(default_factory=dict)
    boxes: Mapping[str, BoxStatus] = field(default_factory=dict)
    blocks: Mapping[str, Block] = field(default_factory=dict)
    drifts: Mapping[str, Drift] = field(default_factory=dict)
    """By part, what somebody else last changed about it."""
    meters: Mapping[str, OpenMeter] = field(default_factory=dict)
    sessions: Mapping[str, OpenSession] = field(default_factory=dict)
    waits_seconds: tuple[float, ...] = ()
    """How long its latest boxes had to be waited for whose door had to be built, oldest first."""
    drained_at: datetime | None = None
    """When the frontend was first seen drained, in the closing that is under way."""
    closing_because: str = ""
    """Why the door is being shut, or was; empty while it is wanted."""
    left_at: datetime | None = None
    """Since when nobody can be inside through a hub's door, though it may stand for others."""
    needs: Mapping[str, Need] = field(default_factory=dict)
    """Other stacks' needs of this one's door, as last read well."""
    hub: HubSeen | None = None
    """What was seen around a Bastion that is not ours."""


@dataclass(frozen=True, slots=True)
class SessionSeen:
    """One Bastion session, as the service lists it. ``user`` may be blank (azure-docs#90644)."""

    session_id: str
    user: str
    protocol: str
    target_id: str
    """The VM's ARM id; empty where the service does not tell."""
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many sessions a Bastion had at most in ``from_at`` <= t < ``until_at``, by its Session Count metric."""

    from_at: datetime
    until_at: datetime
    most: int


@dataclass(frozen=True, slots=True)
class Active:
    """Somebody is connected."""

    count: int


@dataclass(frozen=True, slots=True)
class Idle:
    """Nobody is connected, since this instant at the latest."""

    since_at: datetime
    sure: bool = True
    """False where only the metric says so: it is minutes old, and does not know of whoever came since."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell; never to be taken for idle."""

    why: str
    since_at: datetime | None = None


Activity = Active | Idle | Unknown


@dataclass(frozen=True, slots=True)
class Policy:
    """The house rules that decide, from the settings."""

    idle_limit: timedelta = timedelta(minutes=30)
    warning_lead: timedelta = timedelta(minutes=15)
    closing_grace: timedelta = timedelta(hours=2)
    """Zero under the closing policy ``cut``."""
    lease_hours: float = 8.0
    longest_lease_hours: float = 14 * 24.0
    wake_hours: float = 2.0
    """How long a box that is asked for outside its hours stays open when nobody says."""
    prewarm: bool = False
    """Whether a box that is used nearly every working day is made ready before its window begins."""
    blind_limit: timedelta = timedelta(hours=12)
    """How long a door stands at most without anybody being able to tell whether it is in use."""
    own: Mapping[str, Policy] = field(default_factory=dict)
    """What holds for the stacks that have rules of their own."""

    def of(self, stack: str) -> Policy:
        """Say what holds for a stack."""
        return self.own.get(stack, self)


def require_aware(instant: datetime, name: str) -> datetime:
    """Refuse an instant without a zone: a naive one is a bug that hides until the clocks change."""
    if instant.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return instant
