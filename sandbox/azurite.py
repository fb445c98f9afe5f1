"""Azurite, the storage emulator: Tables and Queues on loopback, in memory unless given a place on disk."""

import os
import shutil
from pathlib import Path
from typing import IO, Final

from sandbox.child import ROOT, CannotStart, Child, answers

# Azurite's one account: its name and key are published with it and open nothing else.
ACCOUNT: Final = "devstoreaccount1"
ACCOUNT_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_SCRIPT: Final = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_START_SECONDS: Final = 30.0


def installed() -> bool:
    """Tell whether Node and Azurite are there to be started."""
    return _SCRIPT.exists() and shutil.which("node") is not None


def connection_string(port: int) -> str:
    """Give the connection string of an Azurite whose blob, queue and table ports are `port`, +1 and +2."""
    endpoints = {"Blob": port, "Queue": port + 1, "Table": port + 2}
    parts = [f"{kind}Endpoint=http://127.0.0.1:{at}/{ACCOUNT}" for kind, at in endpoints.items()]
    return ";".join(["DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={ACCOUNT_KEY}", *parts])


class Azurite:
    """An Azurite on three neighbouring ports."""

    def __init__(self, port: int, *, location: Path | None = None, log: IO[bytes] | None = None) -> None:
        """Describe it: blobs on `port`, queues on the next, tables on the one after; `location` keeps its files.

        On disk it survives SIGTERM, not a kill: it acknowledges writes before they are on the disk.
        """
        self.port = port
        keeping = ["--inMemoryPersistence"] if location is None else ["--location", str(location)]
        ports = [f"--{kind}Port={port + offset}" for offset, kind in enumerate(("blob", "queue", "table"))]
        hosts = [f"--{kind}Host=127.0.0.1" for kind in ("blob", "queue", "table")]
        # storage-queue 12.18 speaks a service version that Azurite 3.35 does not know yet.
        quiet = ["--skipApiVersionCheck", "--silent", "--disableTelemetry"]
        command = ["node", str(_SCRIPT), *ports, *hosts, *keeping, *quiet]
        self.child = Child("Azurite", command, os.environ, log)

    @property
    def connection_string(self) -> str:
        """What `AzureWebJobsStorage` holds to reach it."""
        return connection_string(self.port)

    async def start(self) -> None:
        """Start it and wait until queues and tables answer. Raises CannotStart."""
        if not installed():
            raise CannotStart("Azurite is not installed: `make node_modules/.stamp` installs it (Node 20 or newer)")
        await self.child.start()
        for port in (self.port + 1, self.port + 2):
            # Without a signature the answer is an error, and an answer.
            probe = answers(f"http://127.0.0.1:{port}/{ACCOUNT}?comp=list", only_ok=False)
            await self.child.until_ready(probe, _START_SECONDS)

    async def stop(self) -> None:
        """Stop it."""
        await self.child.stop()
