"""The life of a jump box in the hands of Azure CLI: a cloud is registered, all of it made, used and taken down."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from peers import box
from peers.report import Missed, expect
from peers.simulator import CLIENT, FAST, SECRET, SLOW
from sandbox.arm import SUBSCRIPTION
from sandbox.arm.cloud import TENANT

if TYPE_CHECKING:
    from pathlib import Path

    from peers.report import Report
    from peers.simulator import Simulator

_LIMIT_SECONDS = 120
_BASTION = f"{box.NETWORK}/bastionHosts/bastion"
_VM = f"{box.COMPUTE}/virtualMachines/vm"
_BASTION_API, _VM_API = "2024-05-01", "2024-07-01"
_IN_GROUP = ("--resource-group", box.GROUP_NAME)


class Az:
    """`az` as a person types it, with a configuration of its own and only loopback within reach."""

    def __init__(self, programs: Path, directory: Path, simulator: Simulator) -> None:
        self._program = programs / "az"
        self.directory = directory
        self._environment = {
            **simulator.environment(directory),
            "AZURE_CONFIG_DIR": str(directory / "configuration"),
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "AZURE_CORE_SURVEY_MESSAGE": "false",
            "AZURE_CORE_CHECK_FOR_UPDATE": "false",
            "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
            # Else it asks Microsoft whether our authority is one of theirs; meant for Azure Stack.
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        }

    def __call__(self, *words: str) -> Any:
        """Run a command; give its JSON, or None. Raises Missed when it fails."""
        done = self._run(words)
        if done.returncode:
            raise Missed(f"az {' '.join(words)[:200]}: {done.stderr.strip()[-400:]}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, code: str, *words: str) -> None:
        """Run a command that must be refused with a code. Raises Missed when it is not."""
        done = self._run(words)
        expect(done.returncode and code in done.stderr, (done.returncode, done.stderr[-400:]))

    def file(self, name: str, body: object) -> str:
        """A body in a file, as `@path`."""
        path = self.directory / name
        path.write_text(json.dumps(body))
        return f"@{path}"

    def _run(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        command = [str(self._program), *words, "--output", "json"]
        return subprocess.run(
            command,
            env=self._environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )


def life(programs: Path, directory: Path, simulator: Simulator, report: Report) -> None:
    """All of it, step by step; each is held against the simulator's own view."""
    az = Az(programs, directory, simulator)
    _arrive(az, simulator, report)
    _network(az, simulator, report)
    _bastion(az, simulator, report)
    _machines(az, simulator, report)
    _use(az, simulator, report)
    _take_down(az, simulator, report)


def _arrive(az: Az, simulator: Simulator, report: Report) -> None:
    with report.step("az cloud register, from /metadata/endpoints alone"):
        az("cloud", "register", "--name", "Sandbox", "--endpoint-resource-manager", simulator.url)
        endpoints = az("cloud", "show", "--name", "Sandbox")["endpoints"]
        expect(endpoints["activeDirectory"] == simulator.url, endpoints)
    with report.step("az cloud set"):
        az("cloud", "set", "--name", "Sandbox")
        active = [each["name"] for each in az("cloud", "list") if each["isActive"]]
        expect(active == ["Sandbox"], active)
    with report.step("az login --service-principal"):
        found = az("login", "--service-principal", "-u", CLIENT, "-p", SECRET, "--tenant", TENANT)
        expect([each["id"] for each in found] == [SUBSCRIPTION], found)
    with report.step("az account show, list-locations"):
        expect(az("account", "show")["tenantId"] == TENANT, "another tenant")
        expect(box.LOCATION in [each["name"] for each in az("account", "list-locations")], "no such region")
    with report.step("az provider show"):
        expect(az("provider", "show", "-n", "Microsoft.Network")["registrationState"] == "Registered", "not registered")
    with report.step("az group create, show, exists, update"):
        made = az("group", "create", "-n", box.GROUP_NAME, "-l", box.LOCATION)
        expect(made["properties"]["provisioningState"] == "Succeeded", made)
        expect(az("group", "show", "-n", box.GROUP_NAME)["id"] == box.GROUP, "another id")
        expect(az("group", "exists", "-n", box.GROUP_NAME) is True, "no group")
        expect(az("group", "update", "-n", box.GROUP_NAME, "--set", "tags.team=blue")["tags"] == {"team": "blue"}, "")


def _network(az: Az, simulator: Simulator, report: Report) -> None:
    with report.step("az network vnet create, with a subnet; show, list"):
        prefixes = ("--address-prefixes", "10.7.0.0/16", "--subnet-name", "boxes", "--subnet-prefixes", "10.7.1.0/24")
        made = az("network", "vnet", "create", *_IN_GROUP, "-n", "vnet", *prefixes)["newVNet"]
        expect(made["provisioningState"] == "Succeeded", made)
        shown = az("network", "vnet", "show", *_IN_GROUP, "-n", "vnet")
        expect([each["name"] for each in shown["subnets"]] == ["boxes"], shown)
        expect(len(az("network", "vnet", "list", *_IN_GROUP)) == 1, "not one network")
        expect("vnet" in simulator.resources(), simulator.resources())
    with report.step("az network vnet subnet create, list; one that overlaps is refused"):
        subnet = ("network", "vnet", "subnet", "create", *_IN_GROUP, "--vnet-name", "vnet", "-n", "AzureBastionSubnet")
        az(*subnet, "--address-prefixes", "10.7.0.0/26")
        found = az("network", "vnet", "subnet", "list", *_IN_GROUP, "--vnet-name", "vnet")
        expect(sorted(each["name"] for each in found) == ["AzureBastionSubnet", "boxes"], found)
        az.refused("NetcfgSubnetRangesOverlap", *subnet[:-1], "again", "--address-prefixes", "10.7.0.0/26")
    with report.step("az network nsg create, rule create, rule update, rule list"):
        az("network", "nsg", "create", *_IN_GROUP, "-n", "nsg")
        rule = ("--nsg-name", "nsg", "-n", "ssh")
        how = ("--access", "Allow", "--protocol", "Tcp", "--source-address-prefixes", "10.7.0.0/26")
        az(
            "network",
            "nsg",
            "rule",
            "create",
            *_IN_GROUP,
            *rule,
            "--priority",
            "100",
            "--destination-port-ranges",
            "22",
            *how,
        )
        az("network", "nsg", "rule", "update", *_IN_GROUP, *rule, "--priority", "110")
        found = az("network", "nsg", "rule", "list", *_IN_GROUP, "--nsg-name", "nsg")
        expect([(each["name"], each["priority"]) for each in found] == [("ssh", 110)], found)
    with report.step("az network vnet subnet update, with the security group"):
        where = ("--vnet-name", "vnet", "-n", "boxes")
        made = az("network", "vnet", "subnet", "update", *_IN_GROUP, *where, "--network-security-group", "nsg")
        expect(made["networkSecurityGroup"]["id"].endswith("/nsg"), made)
        used = az("network", "nsg", "show", *_IN_GROUP, "-n", "nsg")["subnets"]
        expect([each["id"].rpartition("/")[2] for each in used] == ["boxes"], used)
    with report.step("az network public-ip create, show"):
        az(
            "network",
            "public-ip",
            "create",
            *_IN_GROUP,
            "-n",
            "pip",
            "--sku",
            "Standard",
            "--allocation-method",
            "Static",
        )
        shown = az("network", "public-ip", "show", *_IN_GROUP, "-n", "pip")
        expect(shown["ipAddress"] == simulator.resources()["pip"]["properties"]["ipAddress"], shown)
    with report.step("az network nic create, show, list"):
        for name in ("nic", "nic2"):
            az("network", "nic", "create", *_IN_GROUP, "-n", name, "--vnet-name", "vnet", "--subnet", "boxes")
        shown = az("network", "nic", "show", *_IN_GROUP, "-n", "nic")
        expect(shown["ipConfigurations"][0]["privateIPAddress"] == "10.7.1.4", shown)
        expect(len(az("network", "nic", "list", *_IN_GROUP)) == 2, "not two interfaces")  # noqa: PLR2004 - made above
    with report.step("az network list-usages, az vm list-usage, az vm list-skus"):
        usages = az("network", "list-usages", "-l", box.LOCATION)
        expect(any(each["name"]["value"] == "PublicIPAddresses" for each in usages), usages)
        expect(az("vm", "list-usage", "-l", box.LOCATION), "no usage")
        expect(az("vm", "list-skus", "-l", box.LOCATION, "--size", "Standard_B2s"), "no size")


def _bastion(az: Az, simulator: Simulator, report: Report) -> None:
    kind = ("--resource-type", "Microsoft.Network/bastionHosts")
    with report.step("az resource create of a bastionHosts, found under way and polled"):
        simulator.speed(SLOW)
        body = az.file("bastion.json", box.bastion())
        made = az("resource", "create", *_IN_GROUP, "-n", "bastion", *kind, "--is-full-object", "--properties", body)
        simulator.speed(FAST)
        expect(made["properties"]["provisioningState"] == "Succeeded", made)
        polls = [each for each in simulator.exchanges() if "/operations/" in each["url"]]
        expect(any(each["response_body"]["status"] == "InProgress" for each in polls), "it was never under way")
        expect("bastion" in simulator.resources(), simulator.resources())
    with report.step("az resource show, list"):
        shown = az("resource", "show", *_IN_GROUP, "-n", "bastion", *kind)
        expect(shown == az("resource", "show", "--ids", _BASTION), shown)
        expect([each["name"] for each in az("resource", "list", *_IN_GROUP, *kind)] == ["bastion"], "not listed")
    with report.step("az resource tag, tag --is-incremental, az tag update, tag list"):
        az("resource", "tag", "--ids", _BASTION, "--tags", "owner=ada")
        az("resource", "tag", "--is-incremental", "--ids", _BASTION, "--tags", "team=blue")
        az("tag", "update", "--resource-id", _BASTION, "--operation", "merge", "--tags", "more=yes")
        tags = az("tag", "list", "--resource-id", _BASTION)["properties"]["tags"]
        expect(tags == {"owner": "ada", "team": "blue", "more": "yes"}, tags)
        expect(simulator.resources()["bastion"]["tags"] == tags, simulator.resources()["bastion"])
    with report.step("az rest: GET, PATCH and PUT of a bastionHosts"):
        url = f"{_BASTION}?api-version={_BASTION_API}"
        az("rest", "--method", "patch", "--url", url, "--body", json.dumps({"tags": {"owner": "eve"}}))
        shown = az("rest", "--method", "get", "--url", url)
        expect(shown["tags"] == {"owner": "eve"}, shown)
        az("rest", "--method", "put", "--url", url, "--body", az.file("again.json", {**shown, "tags": {"owner": "bo"}}))
        simulator.until("the Bastion is done", lambda: _done(simulator, "bastion"))
        expect(simulator.resources()["bastion"]["tags"] == {"owner": "bo"}, simulator.resources()["bastion"])


def _machines(az: Az, simulator: Simulator, report: Report) -> None:
    with report.step("az rest: PUT of a virtualMachines; az vm wait"):
        url = f"{_VM}?api-version={_VM_API}"
        az("rest", "--method", "put", "--url", url, "--body", az.file("vm.json", box.machine("nic")))
        az("vm", "wait", *_IN_GROUP, "-n", "vm", "--created")
        expect(simulator.power(_VM) == "PowerState/running", simulator.power(_VM))
    with report.step("az resource create of a virtualMachines"):
        kind = ("--resource-type", "Microsoft.Compute/virtualMachines", "--is-full-object")
        body = az.file("vm2.json", box.machine("nic2"))
        made = az("resource", "create", *_IN_GROUP, "-n", "vm2", *kind, "--properties", body)
        expect(made["properties"]["provisioningState"] == "Succeeded", made)
    with report.step("az vm list, list --show-details, show"):
        expect(sorted(each["name"] for each in az("vm", "list", *_IN_GROUP)) == ["vm", "vm2"], "not two machines")
        details = {each["name"]: each for each in az("vm", "list", "--show-details")}
        expect(details["vm"]["powerState"] == "VM running", details)
        expect(details["vm"]["privateIps"] == "10.7.1.4", details)
        shown = az("vm", "show", *_IN_GROUP, "-n", "vm")
        expect(shown["vmId"] == simulator.resources()["vm"]["properties"]["vmId"], shown)
    with report.step("az vm get-instance-view, list-ip-addresses, identity show; az disk list"):
        view = az("vm", "get-instance-view", *_IN_GROUP, "-n", "vm")["instanceView"]
        expect(any(each["code"] == "PowerState/running" for each in view["statuses"]), view)
        found = az("vm", "list-ip-addresses", *_IN_GROUP, "-n", "vm")
        expect(found[0]["virtualMachine"]["network"]["privateIpAddresses"] == ["10.7.1.4"], found)
        expect(az("vm", "identity", "show", *_IN_GROUP, "-n", "vm")["principalId"], "no principal")
        expect(len(az("disk", "list", *_IN_GROUP)) == 2, "not two disks")  # noqa: PLR2004 - two machines
    for verb, state in (("deallocate", "deallocated"), ("start", "running"), ("stop", "stopped"), ("restart", None)):
        with report.step(f"az vm {verb}"):
            az("vm", verb, *_IN_GROUP, "-n", "vm")
            expect(simulator.power(_VM) == f"PowerState/{state or 'running'}", simulator.power(_VM))
    with report.step("az vm resize, which keeps the identity"):
        before = simulator.resources()["vm"]["identity"]
        az("vm", "resize", *_IN_GROUP, "-n", "vm", "--size", "Standard_B1s")
        after = simulator.resources()["vm"]
        expect(after["properties"]["hardwareProfile"]["vmSize"] == "Standard_B1s", after)
        expect(after["identity"] == before, after)
    with report.step("az vm auto-shutdown"):
        az("vm", "auto-shutdown", *_IN_GROUP, "-n", "vm", "--time", "1900")
        expect("shutdown-computevm-vm" in simulator.resources(), sorted(simulator.resources()))


def _use(az: Az, simulator: Simulator, report: Report) -> None:
    with report.step("az rest: disconnectActiveSessions throws a person out"):
        az("vm", "start", *_IN_GROUP, "-n", "vm")
        person = {"bastion": "bastion", "vm": "vm", "user": "ada", "protocol": "SSH", "minutes": 1_000_000}
        session = simulator.control("sessions", person)["id"]
        url = f"{_BASTION}/disconnectActiveSessions?api-version={_BASTION_API}"
        az("rest", "--method", "post", "--url", url, "--body", json.dumps({"sessionIds": [session]}))
        simulator.until("the person is out", lambda: not simulator.control("sessions")["value"])
    with report.step("az monitor metrics list: the Session Count of a bastionHosts"):
        shown = az("monitor", "metrics", "list", "--resource", _BASTION, "--metric", "sessions")
        expect(shown["value"][0]["name"]["value"] == "sessions", shown)
    with report.step("what is in use is refused by code: network, subnet, address, interface, security group"):
        az.refused("InUseSubnetCannotBeDeleted", "network", "vnet", "delete", *_IN_GROUP, "-n", "vnet")
        where = ("--vnet-name", "vnet", "-n", "AzureBastionSubnet")
        az.refused("InUseSubnetCannotBeDeleted", "network", "vnet", "subnet", "delete", *_IN_GROUP, *where)
        az.refused("PublicIPAddressCannotBeDeleted", "network", "public-ip", "delete", *_IN_GROUP, "-n", "pip")
        az.refused("NicInUse", "network", "nic", "delete", *_IN_GROUP, "-n", "nic")
        az.refused("InUseNetworkSecurityGroupCannotBeDeleted", "network", "nsg", "delete", *_IN_GROUP, "-n", "nsg")


def _take_down(az: Az, simulator: Simulator, report: Report) -> None:
    with report.step("az vm delete; az resource delete of the other one"):
        az("vm", "delete", *_IN_GROUP, "-n", "vm", "--yes")
        az("resource", "delete", "--ids", f"{_VM}2")
        left = {each["type"] for each in simulator.resources().values()}
        expect(not left & {"Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks"}, left)
    with report.step("az resource delete of a bastionHosts"):
        az("resource", "delete", "--ids", _BASTION)
        expect("bastion" not in simulator.resources(), sorted(simulator.resources()))
    with report.step("az network nic, public-ip, subnet, nsg and vnet delete"):
        for name in ("nic", "nic2"):
            az("network", "nic", "delete", *_IN_GROUP, "-n", name)
        az("network", "public-ip", "delete", *_IN_GROUP, "-n", "pip")
        az("network", "vnet", "subnet", "delete", *_IN_GROUP, "--vnet-name", "vnet", "-n", "boxes")
        az("network", "nsg", "delete", *_IN_GROUP, "-n", "nsg")
        az("network", "vnet", "delete", *_IN_GROUP, "-n", "vnet")
        left = {name for name, each in simulator.resources().items() if each["type"].startswith("Microsoft.Network")}
        expect(not left, left)
    with report.step("what is gone is not found"):
        az.refused("ResourceNotFound", "network", "vnet", "show", *_IN_GROUP, "-n", "vnet")
    with report.step("az group delete, exists"):
        az("group", "delete", "-n", box.GROUP_NAME, "--yes")
        expect(az("group", "exists", "-n", box.GROUP_NAME) is False, "the group is still there")
        expect(not simulator.resources(), sorted(simulator.resources()))


def _done(simulator: Simulator, name: str) -> bool:
    state: str = simulator.resources()[name]["properties"]["provisioningState"]
    return state == "Succeeded"
