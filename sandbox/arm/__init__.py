"""An Azure to run against on one machine: ARM's networks, machines, Bastions and their bill."""

from sandbox.arm.arm import RESOURCE_GROUP, SUBSCRIPTION, Arm
from sandbox.arm.switches import Switches
from sandbox.arm.wire import Request, Response

__all__ = ["RESOURCE_GROUP", "SUBSCRIPTION", "Arm", "Request", "Response", "Switches"]
