"""Wiring: which adapter stands behind which port. The one place that knows all of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from lifecycle.bill import Bill
from lifecycle.chores import Chores
from lifecycle.cloud.clock import RealClock, SandboxClock
from lifecycle.cloud.connection import Storage
from lifecycle.cloud.credential import Identity
from lifecycle.cloud.post import Post
from lifecycle.cloud.prices import RetailPrices
from lifecycle.cloud.queue import AzureBell
from lifecycle.cloud.tables import AzureTables
from lifecycle.commands import Commands
from lifecycle.delivery import Delivery, Links
from lifecycle.needs import Needs
from lifecycle.queries import Queries
from lifecycle.settings import Settings
from lifecycle.sweeps import Sweeps
from lifecycle.timetable import Timetable
from lifecycle.web.app import Site

if TYPE_CHECKING:
    from lifecycle.cloud.arm import ArmAzure
    from lifecycle.reconcile import Reconciler

SANDBOX_BEARER = "sandbox"  # the simulator takes any bearer; it is refused off loopback


class House:
    """Everything one function app instance needs, made when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SandboxClock(settings.clock_url) if settings.clock_url else RealClock()
        self.identity = Identity(settings.identity_client_id)

    @cached_property
    def storage(self) -> Storage:
        """The storage account."""
        if self.settings.storage_account:
            name = "AzureWebJobsStorage__accountName"
            return Storage.from_account(name, self.settings.storage_account, self.identity)
        return Storage.from_connection_string("AzureWebJobsStorage", self.settings.storage)

    @cached_property
    def tables(self) -> AzureTables:
        """The database."""
        return AzureTables(self.storage)

    @cached_property
    def bell(self) -> AzureBell:
        """The queues. In the sandbox a delay passes as fast as its clock runs."""
        return AzureBell(self.storage, self.clock.speed)

    @cached_property
    def timetable(self) -> Timetable:
        """The schedules."""
        return Timetable(self.tables, self.settings.zone)

    @cached_property
    def commands(self) -> Commands:
        """What people ask."""
        return Commands(self.tables, self.bell, self.clock, self.settings, self.timetable, _throwaway_key)

    @cached_property
    def queries(self) -> Queries:
        """What people read."""
        return Queries(self.tables, self.clock, self.settings.estate, self.settings.policy, self.timetable)

    @cached_property
    def sweeps(self) -> Sweeps:
        """What timers do."""
        return Sweeps(self.tables, self.bell, self.clock, _real_now, self.timetable)

    @cached_property
    def delivery(self) -> Delivery:
        """What carries notices to people."""
        url, secret = self.settings.public_url, self.settings.link_secret
        links = Links(url, secret) if url and secret else None
        return Delivery(self.tables, self.bell, self.clock, Post(self.settings.notify_url), links)

    @cached_property
    def bill(self) -> Bill:
        """What reads money."""
        return Bill(self.tables, self.bell, self.clock, self.settings)

    @cached_property
    def chores(self) -> Chores:
        """What is done now and then."""
        prices = RetailPrices(self.settings.prices_url)
        return Chores(self.tables, self.clock, prices, self.settings.regions, self.settings.vm_sizes, self._hunt)

    async def _hunt(self) -> None:
        """Search for orphans. Imported only then, with the Azure clients: see ``reconciler``."""
        from lifecycle.hunt import Hunt  # noqa: PLC0415 -- see above

        await Hunt(self.tables, self.bell, self.azure, self.clock, self.settings).go()

    @cached_property
    def azure(self) -> ArmAzure:
        """Azure itself. Imported here and nowhere else: the Azure clients cost a cold start dearly."""
        from lifecycle.cloud.arm import ArmAzure  # noqa: PLC0415 -- see above

        return ArmAzure(
            self.settings.arm_endpoint,
            self.settings.estate.subscription_id,
            self.settings.estate.resource_group,
            SANDBOX_BEARER if self.settings.local else self.identity,
            real_clock=time.monotonic,
        )

    @cached_property
    def site(self) -> Site:
        """What answers HTTP."""
        return Site(
            self.settings,
            self.tables,
            self.bell,
            self.clock,
            self.timetable,
            self.commands,
            self.queries,
            self.sweeps,
            _real_now,
        )

    @cached_property
    def reconciler(self) -> Reconciler:
        """What changes anything in Azure."""
        from lifecycle.dry_run import LookOnly  # noqa: PLC0415 -- only this path needs it
        from lifecycle.reconcile import Reconciler  # noqa: PLC0415 -- likewise

        settings = self.settings
        return Reconciler(
            self.tables,
            self.bell,
            LookOnly(self.azure) if settings.caution.dry_run else self.azure,
            self.clock,
            _real_now,
            settings.estate,
            settings.policy,
            self.timetable,
            Needs(self.tables, self.bell, settings),
            settings.caution,
        )


def _real_now() -> datetime:
    return datetime.now(UTC)


def _throwaway_key() -> str:
    """Make an SSH public key whose private half is dropped at once."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key  # noqa: PLC0415 -- seldom needed
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 -- seldom needed

    public = generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
