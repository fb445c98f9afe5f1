"""The app's settings: read once, checked all together, refused with one message that lists everything wrong."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Network
from typing import TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from lifecycle.bodies import SMALLEST_RANGE_PREFIX
from lifecycle.budgets import Budget, budgets_of
from lifecycle.caution import Caution
from lifecycle.estate import RESERVED_TAGS, Estate
from lifecycle.links import LEAST_SECRET_BYTES
from lifecycle.model import Policy, Sku
from lifecycle.stack_wishes import GRACE_HOURS, IDLE_MINUTES, hub_troubles, stack_wishes

T = TypeVar("T")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
AZURE_ENDPOINT = "https://management.azure.com"
LONGEST_TAG_NAME, LONGEST_TAG_VALUE, MOST_EXTRA_TAGS = 512, 256, 40
"""Azure's limits: names of 512, values of 256 characters, 50 tags in all, some of which are ours."""
PRICES_ENDPOINT = "https://prices.azure.com/api/retail/prices"
"""Microsoft's price list, which needs no key (Microsoft: Azure Retail Prices REST API overview)."""
US_DOLLAR = "USD"
NCRONTAB_FIELDS = 6
LARGEST_RANGE_PREFIX = 16
_PREFIX_RULE = f"a prefix length from {LARGEST_RANGE_PREFIX} to {SMALLEST_RANGE_PREFIX}"
_STACKS_RULE = (
    'a JSON object like {"name": {"hub": "other", "idleMinutes": 60, "closing": "cut"}, "other": {"graceHours": 1}}:'
    f" idleMinutes {IDLE_MINUTES[0]} to {IDLE_MINUTES[1]}, closing cut or grace, and with grace graceHours"
    f" {GRACE_HOURS[0]} to {GRACE_HOURS[1]}"
)


class SettingsError(Exception):
    """One or more settings are missing or malformed; the message lists all of them."""

    def __init__(self, troubles: list[str]) -> None:
        lines = "\n".join(f"  - {trouble}" for trouble in troubles)
        super().__init__(f"the app cannot start; {len(troubles)} of its settings must be put right:\n{lines}")
        self.troubles = troubles


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between deployments. See the table in the README for each setting's meaning."""

    estate: Estate
    policy: Policy
    region: str
    regions: tuple[str, ...]
    zone: str
    address_pool: IPv4Network
    stack_prefix: int
    default_stack: str
    hubs: Mapping[str, str | None]
    """Stack -> the stack whose door it uses, or the ARM id of a Bastion that is not ours; None: a door of its own."""
    skus: tuple[Sku, ...]
    vm_sizes: tuple[str, ...]
    storage: str
    storage_account: str | None
    """The account's name where a managed identity is used instead of a connection string."""
    identity_client_id: str | None
    arm_endpoint: str
    clock_url: str | None
    auth_enabled: bool
    health_details: bool
    """Whether platform authentication runs on /api/health too, so that operators can be told apart there."""
    nightly: str
    billing_quantum: str
    caution: Caution
    billing_start: str
    currency: str
    exchange_rate: Decimal
    """Units of ``currency`` for one US dollar: dollars are the truth, this is for show."""
    teams: Mapping[str, str]
    """Person, or ``@domain``, -> team."""
    budgets: tuple[Budget, ...]
    prices_url: str
    teams_secret: str | None
    teams_tenant: str | None
    teams_people: Mapping[str, str]
    """Entra object id -> person."""
    notify_url: str | None
    public_url: str | None
    """Where people reach the app, e.g. ``https://jumpboxes.example``; None where nobody said."""
    link_secret: bytes | None
    """What links in warnings are signed with; without it there are none."""

    def team_of(self, person: str) -> str | None:
        """Say which team a person belongs to: by name, else by what follows the @ of it."""
        return self.teams.get(person) or self.teams.get(f"@{person.partition('@')[2]}")

    @property
    def local(self) -> bool:
        """Whether this runs against a sandbox: Azure Resource Manager is at a plain-text loopback address."""
        return self.arm_endpoint.startswith("http://")


def read(environment: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables. Raises SettingsError with everything that is wrong."""
    reader = _Reader(environment)
    account = reader.text("AzureWebJobsStorage__accountName", default="")
    host = environment.get("WEBSITE_HOSTNAME", "").strip()
    host = f"https://{host}" if host else ""
    policy = _policy(reader)
    stacks = reader.parsed("STACKS", stack_wishes, _STACKS_RULE, default="{}")
    settings = Settings(
        estate=Estate(
            reader.parsed("AZURE_SUBSCRIPTION_ID", lambda text: str(UUID(text)), "a subscription's id (a UUID)"),
            reader.text("RESOURCE_GROUP"),
            reader.text("DEPLOYMENT", default="main"),
            reader.parsed("EXTRA_TAGS", _tags, 'a JSON object of texts, e.g. {"cost-center": "42"}', default="{}"),
        ),
        policy=replace(policy, own={name: wish.of(policy) for name, wish in stacks.items()}),
        region=reader.text("LOCATION"),
        regions=reader.words("REGIONS", default=reader.environment.get("LOCATION", "")),
        zone=reader.parsed("TIME_ZONE", lambda text: ZoneInfo(text).key, "an IANA zone, e.g. Europe/Berlin"),
        address_pool=reader.parsed(
            "ADDRESS_POOL", IPv4Network, "an IPv4 range, e.g. 10.64.0.0/16", default="10.64.0.0/16"
        ),
        stack_prefix=reader.parsed("STACK_PREFIX", _prefix, _PREFIX_RULE, default="24"),
        default_stack=reader.text("DEFAULT_STACK", default="main"),
        hubs={name: wish.hub for name, wish in stacks.items()},
        skus=reader.parsed("BASTION_SKUS", _skus, "some of Basic, Standard, Premium", default="Basic,Standard,Premium"),
        vm_sizes=reader.words("VM_SIZES", default="Standard_D2s_v5,Standard_D4s_v5"),
        storage="" if account else reader.text("AzureWebJobsStorage"),
        storage_account=account or None,
        identity_client_id=reader.text("AZURE_CLIENT_ID", default="") or None,
        arm_endpoint=reader.parsed("ARM_ENDPOINT", _endpoint, "https, or http on loopback", default=AZURE_ENDPOINT),
        clock_url=reader.parsed("CLOCK_URL", _loopback, "an http address on loopback", default="") or None,
        auth_enabled=reader.environment.get("WEBSITE_AUTH_ENABLED", "").lower() == "true",
        health_details=reader.parsed("HEALTH_DETAILS", _one_of("true", "false"), "true or false", default="false")
        == "true",
        nightly=reader.parsed("NIGHTLY", _ncrontab, "six NCRONTAB fields in UTC", default="0 0 2 * * *"),
        billing_quantum=reader.parsed("BILLING_QUANTUM", _one_of("second", "hour"), "second or hour", default="second"),
        caution=Caution(
            dry_run=reader.parsed("DRY_RUN", _one_of("true", "false"), "true or false", default="false") == "true",
            deletions_per_hour=int(reader.number("DELETIONS_PER_HOUR", 60, least=1, most=10_000)),
        ),
        billing_start=reader.parsed(
            "BILLING_START",
            _one_of("unknown", "accepted", "succeeded"),
            "unknown, accepted or succeeded",
            default="unknown",
        ),
        currency=reader.parsed("CURRENCY", _currency, "a currency's code of three capitals", default=US_DOLLAR),
        exchange_rate=reader.parsed("EXCHANGE_RATE", _rate, "a number above 0", default="1"),
        teams=reader.parsed("TEAMS", _teams, "a JSON object from person or @domain to team", default="{}"),
        budgets=reader.parsed(
            "BUDGETS", budgets_of, 'a JSON object, e.g. {"team/red": {"usd": 500, "stop": true}}', default="{}"
        ),
        prices_url=reader.parsed("PRICES_URL", _endpoint, "https, or http on loopback", default=PRICES_ENDPOINT),
        teams_secret=reader.text("TEAMS_SECRET", default="") or None,
        teams_tenant=reader.text("TEAMS_TENANT", default="") or None,
        teams_people=reader.parsed(
            "TEAMS_PEOPLE", _people, "a JSON object from Entra object id to person", default="{}"
        ),
        notify_url=reader.parsed("NOTIFY_URL", _https_or_none, "an https address", default="") or None,
        public_url=reader.parsed("PUBLIC_URL", _https_or_none, "an https address", default=host).rstrip("/") or None,
        link_secret=reader.parsed("LINK_SECRET", _secret, "32 bytes or more in base64", default="") or None,
    )
    reader.together(settings)
    return settings


def _policy(reader: _Reader) -> Policy:
    minutes = reader.number("IDLE_MINUTES", 30, least=IDLE_MINUTES[0], most=IDLE_MINUTES[1])
    warning = reader.number("WARNING_MINUTES", 15, least=1, most=24 * 60)
    grace = reader.number("CLOSING_GRACE_HOURS", 2, least=GRACE_HOURS[0], most=GRACE_HOURS[1])
    closing = reader.parsed("CLOSING_POLICY", _one_of("grace", "cut"), "grace or cut", default="grace")
    return Policy(
        idle_limit=timedelta(minutes=minutes),
        warning_lead=timedelta(minutes=warning),
        closing_grace=timedelta(hours=grace if closing == "grace" else 0),
        lease_hours=reader.number("LEASE_HOURS", 8, least=0.25, most=14 * 24),
        longest_lease_hours=reader.number("LONGEST_LEASE_HOURS", 14 * 24, least=0.25, most=366 * 24),
        wake_hours=reader.number("WAKE_HOURS", 2, least=0.25, most=24),
        prewarm=reader.parsed("PREWARM", _one_of("true", "false"), "true or false", default="false") == "true",
        blind_limit=timedelta(hours=reader.number("BLIND_HOURS", 12, least=1, most=7 * 24)),
    )


class _Reader:
    """Reads one setting after the other and remembers what was wrong instead of stopping at the first."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.troubles: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        value = self.environment.get(name, "").strip()
        if not value and default is None:
            self.troubles.append(f"{name} is missing")
        return value or default or ""

    def words(self, name: str, default: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(name, default).split(",") if word.strip())

    def parsed(self, name: str, parse: Callable[[str], T], rule: str, default: str | None = None) -> T:
        value = self.text(name, default)
        try:
            return parse(value)
        except Exception:  # noqa: BLE001 -- whatever a parser raises, the setting is malformed
            if value:
                self.troubles.append(f"{name} must be {rule}; it is {_shown(name, value)}")
            return cast("T", None) if default is None else parse(default)  # `together` raises before it is used

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        def parse(text: str) -> float:
            number = float(text)
            if not least <= number <= most:
                raise ValueError(text)
            return number

        return self.parsed(name, parse, f"a number from {least:g} to {most:g}", default=str(default))

    def together(self, settings: Settings) -> None:
        """Check what only shows when all settings are there, then raise for everything at once."""
        troubles = self.troubles
        if settings.region and settings.region not in settings.regions:
            troubles.append(f"REGIONS must contain LOCATION ({settings.region})")
        if settings.policy.longest_lease_hours < settings.policy.lease_hours:
            troubles.append("LONGEST_LEASE_HOURS must not be below LEASE_HOURS")
        if settings.address_pool.prefixlen > settings.stack_prefix:
            troubles.append("ADDRESS_POOL must be at least as large as one stack's range (STACK_PREFIX)")
        troubles += hub_troubles(settings.hubs, settings.default_stack)
        if settings.teams_secret and not settings.teams_tenant:
            troubles.append("TEAMS_TENANT is missing: with TEAMS_SECRET set, the tenant must be named")
        if settings.link_secret and not settings.public_url:
            troubles.append("PUBLIC_URL is missing: with LINK_SECRET set, links must lead somewhere")
        if settings.currency != US_DOLLAR and not self.environment.get("EXCHANGE_RATE", "").strip():
            troubles.append("EXCHANGE_RATE is missing: with CURRENCY set, say how much of it a US dollar is")
        if settings.clock_url and not settings.local:
            troubles.append("CLOCK_URL is for the sandbox only: it needs an ARM_ENDPOINT on loopback")
        if troubles:
            raise SettingsError(troubles)


def _shown(name: str, value: str) -> str:
    """Quote a malformed value, unless it may be a secret."""
    return "not shown" if name.startswith(("TEAMS", "NOTIFY", "LINK", "AzureWebJobs")) else repr(value[:80])


def _tags(text: str) -> dict[str, str]:
    tags = json.loads(text)
    if not isinstance(tags, dict) or len(tags) > MOST_EXTRA_TAGS:
        raise ValueError(text)
    for name, value in tags.items():
        legal = isinstance(value, str) and len(value) <= LONGEST_TAG_VALUE and 0 < len(name) <= LONGEST_TAG_NAME
        if not legal or name.lower() in RESERVED_TAGS or set(name) & set("<>%&\\?/"):
            raise ValueError(name)
    return tags


def _people(text: str) -> dict[str, str]:
    people = json.loads(text)
    if not isinstance(people, dict) or not all(isinstance(person, str) and person for person in people.values()):
        raise ValueError(text)
    return {str(UUID(object_id)): person.lower() for object_id, person in people.items()}


def _teams(text: str) -> dict[str, str]:
    teams = json.loads(text)
    if not isinstance(teams, dict) or not all(isinstance(team, str) and team.strip() for team in teams.values()):
        raise ValueError(text)
    return {person.lower(): team.strip() for person, team in teams.items()}


def _currency(text: str) -> str:
    if not re.fullmatch("[A-Z]{3}", text):
        raise ValueError(text)
    return text


def _rate(text: str) -> Decimal:
    rate = Decimal(text)
    if not rate.is_finite() or rate <= 0:
        raise ValueError(text)
    return rate


def _prefix(text: str) -> int:
    if not LARGEST_RANGE_PREFIX <= int(text) <= SMALLEST_RANGE_PREFIX:
        raise ValueError(text)
    return int(text)


def _skus(text: str) -> tuple[Sku, ...]:
    return tuple(Sku(word.strip()) for word in text.split(","))


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return parse


def _ncrontab(text: str) -> str:
    if len(text.split()) != NCRONTAB_FIELDS:
        raise ValueError(text)
    return text


def _endpoint(text: str) -> str:
    url = urlsplit(text)
    if (
        not url.hostname
        or url.scheme not in ("https", "http")
        or (url.scheme == "http" and url.hostname not in LOOPBACK)
    ):
        raise ValueError(text)
    return text.rstrip("/")


def _loopback(text: str) -> str:
    if text and urlsplit(text).hostname not in LOOPBACK:
        raise ValueError(text)
    return text


def _secret(text: str) -> bytes:
    secret = base64.b64decode(text, validate=True)
    if text and len(secret) < LEAST_SECRET_BYTES:
        raise ValueError
    return secret


def _https_or_none(text: str) -> str:
    url = urlsplit(text)
    if text and (url.scheme != "https" and url.hostname not in LOOPBACK):
        raise ValueError(text)
    return text
