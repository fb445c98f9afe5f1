"""The simulator as the peers meet it: behind HTTPS, with its control side to hold their answers against."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from peers.environments import ROOT
from peers.report import Missed
from sandbox.arm.cloud import TENANT
from sandbox.child import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLIENT = "11111111-1111-1111-1111-111111111111"
SECRET = "any-will-do"  # noqa: S105 - the simulator takes any
# Simulated seconds per real second: an hour passes before a client has asked again.
FAST = 50_000
# A Bastion's creation takes a second or two: the client finds it under way, waits as told and asks again.
SLOW = 400
_PATIENCE_SECONDS = 30.0
_VERSION = "2024-07-01"


class Simulator:
    """A simulator of one's own, on free ports of loopback."""

    def __init__(self, directory: Path) -> None:
        self._certificates = directory / "certificate"
        self._port, self._tls_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where ARM and the sign-in service answer."""
        return f"https://localhost:{self._tls_port}"

    @property
    def authority(self) -> Path:
        """The PEM file that a client has to trust."""
        return self._certificates / "ca.pem"

    def environment(self, home: Path) -> dict[str, str]:
        """What a client's process is to know: no more of this machine than it needs, and no way off it."""
        nowhere = "http://127.0.0.1:9"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "REQUESTS_CA_BUNDLE": str(self.authority),
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost,127.0.0.1"),
        }

    def __enter__(self) -> Self:
        """Start it and wait until it answers. Raises Missed when it does not."""
        options = ["--port", str(self._port), "--tls-port", str(self._tls_port), "--speed", str(FAST)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.arm", *options, "--certificate-directory", str(self._certificates)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        self.until("the simulator answers", self._answers)
        # On so fast a clock an operation's address would be gone before it is asked for again.
        self.control("switches", {"operationUrlLifetimeMinutes": 10_000_000})
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()

    def control(self, path: str, body: object = None) -> Any:
        """Ask the control side: a GET, or with a body a POST."""
        return self._ask("POST" if body is not None else "GET", f"/sandbox/{path}", body)

    def arm(self, method: str, resource: str, body: object = None) -> Any:
        """Ask ARM itself, in plain HTTP."""
        return self._ask(method, f"{resource}?api-version={_VERSION}", body)

    def speed(self, times: float) -> None:
        """Let the clock run at another speed."""
        self.control("clock", {"speed": times})

    def resources(self) -> dict[str, Any]:
        """Everything there is, by name."""
        return {each["name"]: each for each in self.control("resources")["value"]}

    def power(self, machine: str) -> str:
        """The power state of a machine, such as `PowerState/running`."""
        codes = [each["code"] for each in self.arm("GET", f"{machine}/instanceView")["statuses"]]
        return next((code for code in codes if code.startswith("PowerState/")), "")

    def exchanges(self) -> list[Any]:
        """What was asked and answered so far."""
        with urllib.request.urlopen(f"{self._http}/sandbox/traffic", timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310 - our own address
            return [json.loads(line) for line in answer]

    def token(self) -> str:
        """A token from the sign-in service, over HTTPS."""
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
        form["scope"] = f"{self.url}/.default"
        url = f"{self.url}/{TENANT}/oauth2/v2.0/token"
        trusted = ssl.create_default_context(cafile=str(self.authority))
        sent = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(url, sent, timeout=_PATIENCE_SECONDS, context=trusted) as answer:  # noqa: S310 - our own address
            return str(json.load(answer)["access_token"])

    def until(self, what: str, holds: Callable[[], object]) -> None:
        """Wait until something holds. Raises Missed after half a minute."""
        ends = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > ends:
                raise Missed(f"waited {_PATIENCE_SECONDS:.0f} s in vain until {what}")
            time.sleep(0.1)

    @property
    def _http(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _answers(self) -> bool:
        try:
            self.control("health")
        except urllib.error.URLError:
            return False
        return True

    def _ask(self, method: str, path: str, body: object) -> Any:
        sent = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": "Bearer any", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._http}{path}", sent, headers, method=method)  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310 - the same
            text = answer.read()
        return json.loads(text) if text else None
