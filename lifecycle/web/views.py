"""What people read of boxes, stacks, plans and sessions: rows in, JSON-ready values out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lifecycle.blueprint import BASTION
from lifecycle.bodies import ADMIN_USER
from lifecycle.caution import Standing
from lifecycle.commands import tag_of
from lifecycle.decision import Decision
from lifecycle.estate import Estate, bastion_name, vm_name
from lifecycle.hubs import is_foreign
from lifecycle.model import BoxIntent, BoxStatus, Kind, Level, Login, Seen, Sku
from lifecycle.phase import TYPICAL_DOOR, TYPICAL_REST
from lifecycle.plan import Begin
from lifecycle.ports import Row
from lifecycle.rows import StackRows

ASKED = "asked for; its turn comes in a moment"
"""What is said of a box between a person's word and the pass that answers it."""
PORTAL = "https://portal.azure.com/#@/resource"


def instant(at: datetime | None) -> str | None:
    """Write an instant for people and machines: ISO 8601, UTC, whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def box_view(rows: StackRows, name: str, estate: Estate, cost: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Show one box."""
    intent = rows.boxes[name].value
    known = known_of(rows, intent)
    return {
        "stack": rows.name,
        "name": name,
        "owner": intent.owner,
        "purpose": intent.reason,
        "phase": known.phase,
        "reason": known.reason or ASKED,
        "level": known.level.name.lower(),
        "target": known.target.name.lower(),
        "requestedAt": instant(intent.requested_at),
        "startAt": instant(intent.start_at),
        "readyAt": instant(known.first_ready_at),
        "openedAt": instant(known.ready_at),
        "eta": instant(known.eta_at or _first_eta(intent, known)),
        "leaseHours": intent.hours,
        "leaseUntil": instant(known.lease_until or intent.until),
        "holdUntil": instant(intent.hold_until),
        "changesAt": instant(known.changes_at),
        "schedule": intent.schedule,
        "otherSchedule": intent.other_hours and intent.other_hours.schedule,
        "otherScheduleUntil": instant(intent.other_hours.until_at) if intent.other_hours else None,
        "vmSize": intent.vm_size,
        "login": intent.login.value,
        "connect": _connect(rows, intent, known, estate),
        "sessions": [session for session in open_sessions(rows) if session["box"] in ("", name)],
        "warnings": [
            {"kind": kind, "deadline": instant(warned.deadline_at), "toldAt": instant(warned.told_at)}
            for kind, warned in sorted(known.warned.items())
        ],
        **({"cost": cost} if cost is not None else {}),
    }


def known_of(rows: StackRows, intent: BoxIntent) -> BoxStatus:
    """What the reconciler knows of this very box, and not of an earlier one of its name."""
    known = rows.status.value.boxes.get(intent.name)
    return known if known and known.incarnation == intent.incarnation else BoxStatus(intent.incarnation)


def box_tag(rows: StackRows, name: str) -> str:
    """Write the version of what people want of a box, for ETag and If-Match."""
    return tag_of(rows.boxes[name].etag)


def _first_eta(intent: BoxIntent, known: BoxStatus) -> datetime | None:
    """Estimate for a box that no pass has seen yet."""
    return None if known.reason else intent.start_at or intent.requested_at + TYPICAL_REST + TYPICAL_DOOR


def _connect(rows: StackRows, intent: BoxIntent, known: BoxStatus, estate: Estate) -> dict[str, Any]:
    """Say how to get in, once that is possible. The native client needs Standard (Microsoft: bastion SKUs)."""
    if known.level is not Level.OPEN or rows.intent is None:
        return {"portalUrl": None, "command": None, "note": "not open; see phase and reason"}
    vm_id = estate.arm_id(Kind.VM, vm_name(rows.name, intent.name))
    portal = f"{PORTAL}{vm_id}/bastionHost"
    hub = rows.intent.value.hub
    if hub and is_foreign(hub):
        note = f"entered through {hub}, which is not ours: from the browser, or as its SKU allows"
        return {"portalUrl": portal, "command": None, "note": note}
    if rows.intent.value.sku is Sku.BASIC:
        return {"portalUrl": portal, "command": None, "note": "Bastion Basic is entered from the browser"}
    login = "--auth-type AAD"
    if intent.login is Login.KEY:
        login = f"--auth-type ssh-key --username {ADMIN_USER} --ssh-key <path of your private key>"
    command = (
        f"az network bastion ssh --name {bastion_name(hub or rows.name)} --resource-group {estate.resource_group}"
        f" --target-resource-id {vm_id} {login}"
    )
    return {"portalUrl": portal, "command": command, "note": None}


def open_sessions(rows: StackRows) -> list[dict[str, Any]]:
    """Show who is connected, as of the latest look."""
    return [
        {
            "sessionId": key,
            "box": session.box,
            "user": session.user,
            "protocol": session.protocol,
            "startedAt": instant(session.started_at),
            "lastSeenAt": instant(session.last_seen_at),
            "endedAt": None,
            "endReason": None,
        }
        for key, session in sorted(rows.status.value.sessions.items())
    ]


def past_sessions(stored: Iterable[Row]) -> list[dict[str, Any]]:
    """Show who was connected. Sessions are sampled: short ones may never have been seen."""
    return [
        {
            "sessionId": row.values["session_id"],
            "box": row.values["box"],
            "user": row.values["user"],
            "protocol": row.values["protocol"],
            "startedAt": row.values["started_at"],
            "lastSeenAt": row.values["last_seen_at"],
            "endedAt": row.values.get("ended_at"),
            "endReason": row.values.get("end_reason"),
        }
        for row in stored
        if "ended_at" in row.values
    ]


def stack_view(rows: StackRows) -> dict[str, Any]:
    """Show one stack with its parts as last seen."""
    status, intent = rows.status.value, rows.intent.value if rows.intent else None
    door = status.parts.get(BASTION)
    return {
        "name": rows.name,
        "phase": status.phase if intent else "gone",
        "region": intent and intent.region,
        "sku": intent and intent.sku.value,
        "outbound": intent and intent.outbound.value,
        "addressRange": intent and intent.address_range,
        "keepPublicIp": intent and intent.keep_public_ip,
        "exemptUntil": instant(intent.exempt_until) if intent else None,
        "hub": intent and intent.hub,
        "usedBy": sorted(rows.needs),
        "door": door.sighting.value if door else "unseen",
        "boxes": sorted(rows.boxes),
        "lookedAt": instant(status.looked_at),
        "sessionsAt": instant(status.sessions_at),
        "sessionsFailingSince": instant(status.sessions_failing_since_at),
        "lookAgainAt": instant(status.look_again_at),
        "parts": [_part_view(key, seen) for key, seen in sorted(status.parts.items())],
        "drift": [
            {
                "part": key,
                "what": drift.what,
                "seenAt": instant(drift.seen_at),
                "mendedAt": instant(drift.mended_at),
            }
            for key, drift in sorted(status.drifts.items())
        ],
        "blocks": [
            {"part": key, "code": block.code, "message": block.message, "retryAt": instant(block.retry_at)}
            for key, block in sorted(status.blocks.items())
        ],
        "operations": [
            {
                "part": key,
                "verb": stored.value.verb.value,
                "reason": stored.value.reason,
                "claimedAt": instant(stored.value.claimed_at),
            }
            for key, stored in sorted(rows.operations.items())
        ],
    }


def standing_view(standing: Standing) -> dict[str, Any]:
    """Show how many were deleted this hour, of how many."""
    return {
        "thisHour": standing.counted,
        "limit": standing.limit,
        "liftedUntil": instant(standing.lifted_until),
        "liftedBy": standing.lifted_by or None,
    }


def _part_view(key: str, seen: Seen) -> dict[str, Any]:
    return {
        "part": key,
        "id": seen.arm_id,
        "sighting": seen.sighting.value,
        "seenAt": instant(seen.seen_at),
        "power": seen.power.value if seen.power else None,
        "drift": list(seen.drift),
        "bills": list(seen.meters),
    }


def plan_view(rows: StackRows, decision: Decision | None) -> dict[str, Any]:
    """Show what would be done now, what is waited for, and what comes next: a dry run from the last sighting."""
    view = stack_view(rows)
    if decision is None:
        return {**view, "now": [], "waiting": [], "next": []}
    begins = [{"verb": step.verb.value, "part": step.part.key, "reason": step.reason} for step in decision.begins]
    waits = [
        {"part": step.part, "reason": step.reason, "until": instant(step.until)}
        for step in decision.steps
        if not isinstance(step, Begin)
    ]
    targets = [
        {
            "box": name,
            "target": found.level.name.lower(),
            "reason": found.reason,
            "changesAt": instant(found.changes_at),
        }
        for name, found in sorted(decision.targets.items())
    ]
    return {**view, "now": begins, "waiting": waits, "next": targets}
