"""A night's sweep by Cloud Custodian: jump boxes are listed, tagged, stopped and deleted by policy."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers import box
from peers.report import Missed, expect
from sandbox.arm import SUBSCRIPTION
from sandbox.arm.cloud import TENANT

if TYPE_CHECKING:
    from peers.report import Report
    from peers.simulator import Simulator

_LIMIT_SECONDS = 120
_VM = f"{box.COMPUTE}/virtualMachines/vm"
_RUNNING = {
    "type": "instance-view",
    "key": "statuses[].code",
    "op": "in",
    "value_type": "swap",
    "value": "PowerState/running",
}


class Custodian:
    """`custodian run` on a cloud of our own, signed in by an access token."""

    def __init__(self, programs: Path, directory: Path, simulator: Simulator) -> None:
        launcher = Path(__file__).with_name("custodian_cloud.py")
        self._command = [str(programs / "python"), str(launcher), simulator.url, "run", "--region", "Sandbox"]
        self._directory = directory
        self._environment = {
            **simulator.environment(directory),
            "AZURE_ACCESS_TOKEN": simulator.token(),
            "AZURE_TENANT_ID": TENANT,
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        }

    def __call__(self, resource: str, *, filters: object = (), actions: object = ()) -> list[Any]:
        """Run one policy; give the resources it found. Raises Missed when it fails."""
        policy = {"name": "peer", "resource": resource, "filters": list(filters), "actions": list(actions)}  # type: ignore[call-overload]
        written = self._directory / "policy.json"
        written.write_text(json.dumps({"policies": [policy]}))
        found = self._directory / "out"
        done = subprocess.run(
            [*self._command, "--output-dir", str(found), "--cache-period", "0", str(written)],
            env=self._environment,
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        # It exits 0 although an action failed on a resource; that stands in its log.
        if done.returncode or ":ERROR" in done.stderr:
            raise Missed(f"custodian on {resource}: {done.stderr.strip()[-500:]}")
        rows: list[Any] = json.loads((found / "peer" / "resources.json").read_text())
        return rows


def life(programs: Path, directory: Path, simulator: Simulator, report: Report) -> None:
    """All of it, step by step; each is held against the simulator's own view."""
    with report.step("custodian finds the cloud and a token; the box to sweep is made"):
        custodian = Custodian(programs, directory, simulator)
        _make_box(simulator)
    _look(custodian, report)
    _tag(custodian, simulator, report)
    _power(custodian, simulator, report)
    _delete(custodian, simulator, report)


def _look(custodian: Custodian, report: Report) -> None:
    with report.step("custodian lists azure.bastion-host, azure.vm"):
        expect(_names(custodian("azure.bastion-host")) == ["bastion"], "not one Bastion")
        expect(_names(custodian("azure.vm", filters=[_RUNNING])) == ["vm"], "not one running machine")
    with report.step("custodian lists what is around them, and everything as azure.armresource"):
        for resource, names in (
            ("azure.vnet", ["vnet"]),
            ("azure.publicip", ["pip"]),
            ("azure.networkinterface", ["nic"]),
            ("azure.resourcegroup", ["rg-jumpboxes", box.GROUP_NAME]),
        ):
            found = _names(custodian(resource))
            expect(found == names, (resource, found))
        everything = _names(custodian("azure.armresource"))
        expect({"bastion", "vm", "vnet", "pip", "nic"} <= set(everything), everything)
    with report.step("custodian finds a Bastion without sessions by its metric"):
        idle = {"type": "metric", "metric": "sessions", "op": "lt", "threshold": 1, "aggregation": "total"}
        found = custodian("azure.bastion-host", filters=[{**idle, "timeframe": 1}])
        expect(_names(found) == ["bastion"], found)


def _tag(custodian: Custodian, simulator: Simulator, report: Report) -> None:
    with report.step("custodian tags and untags a Bastion"):
        custodian("azure.bastion-host", actions=[{"type": "tag", "tags": {"swept": "yes", "by": "peer"}}])
        expect(simulator.resources()["bastion"]["tags"] == {"swept": "yes", "by": "peer"}, simulator.resources())
        custodian("azure.bastion-host", filters=[{"tag:swept": "present"}], actions=[{"type": "untag", "tags": ["by"]}])
        expect(simulator.resources()["bastion"]["tags"] == {"swept": "yes"}, simulator.resources()["bastion"])
    with report.step("custodian marks a machine for a later stop"):
        custodian("azure.vm", actions=[{"type": "mark-for-op", "op": "stop", "days": 1}])
        expect("stop@" in simulator.resources()["vm"]["tags"]["custodian_status"], simulator.resources()["vm"])


def _power(custodian: Custodian, simulator: Simulator, report: Report) -> None:
    with report.step("custodian stops (deallocates) the machines that run"):
        custodian("azure.vm", filters=[_RUNNING], actions=["stop"])
        simulator.until("the machine is deallocated", partial(_is_in, simulator, "deallocated"))
        expect(custodian("azure.vm", filters=[_RUNNING]) == [], "one still runs")
    with report.step("custodian resizes a machine"):
        custodian("azure.vm", actions=[{"type": "resize", "vmSize": "Standard_B1s"}])
        size = simulator.resources()["vm"]["properties"]["hardwareProfile"]["vmSize"]
        expect(size == "Standard_B1s", size)
    for verb, state in (("start", "running"), ("poweroff", "stopped"), ("restart", "running")):
        with report.step(f"custodian does: {verb}"):
            simulator.until("the machine is at rest", partial(_at_rest, simulator, "vm"))
            custodian("azure.vm", actions=[verb])
            simulator.until(f"the machine is {state}", partial(_is_in, simulator, state))


def _delete(custodian: Custodian, simulator: Simulator, report: Report) -> None:
    for resource, name in (("azure.vm", "vm"), ("azure.bastion-host", "bastion"), ("azure.publicip", "pip")):
        with report.step(f"custodian deletes an {resource}"):
            custodian(resource, filters=[{"name": name}], actions=["delete"])
            simulator.until("it is gone", partial(_is_gone, simulator, name))
    with report.step("custodian deletes a resource group with what is left in it"):
        custodian("azure.resourcegroup", filters=[{"name": box.GROUP_NAME}], actions=["delete"])
        simulator.until("all is gone", lambda: not simulator.resources())


def _make_box(simulator: Simulator) -> None:
    simulator.arm("PUT", box.GROUP, {"location": box.LOCATION})
    parts = {
        box.VNET: box.vnet(),
        f"{box.NETWORK}/publicIPAddresses/pip": box.address(),
        f"{box.NETWORK}/bastionHosts/bastion": box.bastion(),
        f"{box.NETWORK}/networkInterfaces/nic": box.interface(),
        _VM: box.machine("nic"),
    }
    for part, body in parts.items():
        simulator.arm("PUT", part, body)
        simulator.until(f"{part} is made", partial(_at_rest, simulator, part.rpartition("/")[2]))


def _at_rest(simulator: Simulator, name: str) -> bool:
    state: str = simulator.resources()[name]["properties"]["provisioningState"]
    return state == "Succeeded"


def _is_in(simulator: Simulator, state: str) -> bool:
    return simulator.power(_VM) == f"PowerState/{state}"


def _is_gone(simulator: Simulator, name: str) -> bool:
    return name not in simulator.resources()


def _names(found: list[Any]) -> list[str]:
    return sorted(each["name"] for each in found)
