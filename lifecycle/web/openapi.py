"""This interface's own description: OpenAPI 3.1, made from the same tables that read the requests."""

from __future__ import annotations

from typing import Any

from lifecycle.costs import GROUPINGS
from lifecycle.model import Login, Outbound, Sku
from lifecycle.web.dashboard import CHOICES as DAYS
from lifecycle.web.fields import LONGEST_REASON, LONGEST_SPAN_HOURS, NAME

NAME_SCHEMA = {"type": "string", "pattern": f"^{NAME.pattern}$"}
HOURS = {"type": "number", "exclusiveMinimum": 0}
REASON = {"type": "string", "maxLength": LONGEST_REASON}
INSTANT = {"type": "string", "format": "date-time"}

BOX_ASK: dict[str, Any] = {
    "stack": NAME_SCHEMA,
    "name": NAME_SCHEMA,
    "hours": HOURS,
    "reason": REASON,
    "schedule": NAME_SCHEMA,
    "sku": {"enum": [sku.value for sku in Sku]},
    "vmSize": {"type": "string"},
    "region": {"type": "string"},
    "startAt": INSTANT,
    "until": INSTANT,
    "owner": {"type": "string"},
    "login": {"enum": [login.value for login in Login]},
    "sshPublicKey": {"type": "string"},
    "outbound": {"enum": [outbound.value for outbound in Outbound]},
    "keepPublicIp": {"type": "boolean"},
}
WINDOW: dict[str, Any] = {
    "type": "object",
    "required": ["days", "from", "to"],
    "properties": {
        "days": {"type": "array", "items": {"enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}},
        "from": {"type": "string"},
        "to": {"type": "string"},
    },
}
SCHEDULE: dict[str, Any] = {
    "timeZone": {"type": "string"},
    "weekly": {"type": "array", "items": WINDOW},
    "holidays": {
        "type": "object",
        "properties": {
            "country": {"type": ["string", "null"]},
            "dates": {"type": "array", "items": {"type": "string", "format": "date"}},
        },
    },
    "stopOnly": {"type": "boolean"},
}
WORD = {"hours": HOURS, "reason": REASON}
SPAN = {"hours": {"type": "number", "minimum": 0, "maximum": LONGEST_SPAN_HOURS}, "reason": REASON}
FOLLOW = {"schedule": NAME_SCHEMA, **SPAN}

Route = tuple[str, str, str, str, tuple[str, ...], dict[str, Any] | None]

ROUTES: tuple[Route, ...] = (
    # function, verb, path, what it does, query parameters, body's fields
    ("create_jumpbox", "post", "/jumpboxes", "Ask for a box", (), BOX_ASK),
    ("list_jumpboxes", "get", "/jumpboxes", "List boxes", ("owner", "phase", "stack", "after", "limit"), None),
    ("get_jumpbox", "get", "/jumpboxes/{stack}/{name}", "Read a box", (), None),
    ("retire_jumpbox", "delete", "/jumpboxes/{stack}/{name}", "End a box; its disk goes too", (), None),
    ("extend_jumpbox", "post", "/jumpboxes/{stack}/{name}/extend", "Lengthen a lease by some hours", (), WORD),
    ("wake_jumpbox", "post", "/jumpboxes/{stack}/{name}/wake", "Hold a box open", (), WORD),
    ("follow_schedule", "post", "/jumpboxes/{stack}/{name}/schedule", "Follow another schedule a while", (), FOLLOW),
    ("park_jumpbox", "post", "/jumpboxes/{stack}/{name}/park", "Deallocate a box", (), {"reason": REASON}),
    ("list_stacks", "get", "/stacks", "List stacks", ("after", "limit"), None),
    ("get_stack", "get", "/stacks/{stack}", "Read a stack with its parts", (), None),
    ("plan_stack", "get", "/stacks/{stack}/plan", "What would be done now, and why: a dry run", (), None),
    ("plan_stacks", "get", "/plan", "The same for all stacks", ("after", "limit"), None),
    ("exempt_stack", "post", "/stacks/{stack}/exempt", "Have nothing of a stack closed for a while", (), SPAN),
    ("get_deletions", "get", "/deletions", "How many doors and machines were deleted this hour", (), None),
    ("lift_bound", "post", "/deletions", "Lift the bound on deletions for a while (operators)", (), SPAN),
    ("list_sessions", "get", "/stacks/{stack}/sessions", "Who is and was connected", (), None),
    ("disconnect_session", "delete", "/stacks/{stack}/sessions/{session_id}", "End a session", (), None),
    ("list_schedules", "get", "/schedules", "List schedules", (), None),
    ("get_schedule", "get", "/schedules/{name}", "Read a schedule", (), None),
    ("put_schedule", "put", "/schedules/{name}", "Write a schedule (operators)", (), SCHEDULE),
    ("delete_schedule", "delete", "/schedules/{name}", "Delete a schedule (operators)", (), None),
    (
        "get_costs",
        "get",
        "/costs",
        "What it cost",
        ("from", "to", "zone", "by", "format", "currency", "after", "limit"),
        None,
    ),
    ("get_savings", "get", "/costs/savings", "What it would have cost otherwise", ("from", "to", "zone"), None),
    ("list_budgets", "get", "/budgets", "How budgets stand this month", (), None),
    ("get_audit", "get", "/audit", "Who did what", ("stack", "day"), None),
    ("dashboard", "get", "/dashboard", "A page for people", ("days", "whose", "part", "said", "at"), None),
    ("press_button", "post", "/dashboard/{stack}/{name}/{word}", "A button of that page, for its own forms", (), None),
    ("static_file", "get", "/static/{name}", "Style and script of that page", ("v",), None),
    ("keep_page", "get", "/keep", "What a link in a warning is about", ("token",), None),
    ("use_link", "post", "/keep", "Use a link in a warning; a form with its token", (), None),
    ("openapi", "get", "/openapi.json", "This description", (), None),
    ("alive", "get", "/alive", "Whether the app runs", (), None),
    ("health", "get", "/health", "Whether the app runs; for operators, what is wrong", (), None),
    ("teams", "post", "/teams", "The Teams outgoing webhook", (), None),
)
ACCEPTED = (
    "create_jumpbox",
    "retire_jumpbox",
    "extend_jumpbox",
    "wake_jumpbox",
    "follow_schedule",
    "park_jumpbox",
    "disconnect_session",
    "exempt_stack",
)
OPEN_TO_ALL = ("keep_page", "use_link", "static_file", "openapi", "alive", "health", "teams")
CHOICES = {
    "by": list(GROUPINGS),
    "format": ["json", "csv"],
    "days": [str(days) for days in DAYS],
    "whose": ["all", "mine"],
    "part": ["page", "now"],
}


def document() -> dict[str, Any]:
    """Describe every route."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(f"/api{route[2]}", {})[route[1]] = _operation(route)
    problem = {
        "type": "object",
        "required": ["title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"field": {"type": "string"}, "rule": {"type": "string"}},
                },
            },
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Jump boxes that exist only while someone needs them", "version": "0.1.0"},
        "paths": paths,
        "components": {
            "schemas": {"Problem": problem},
            "securitySchemes": {"entra": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    function, _, path, summary, query, body = route
    parameters: list[dict[str, Any]] = [
        {"name": name[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for name in path.split("/")
        if name.startswith("{")
    ]
    parameters += [
        {"name": name, "in": "query", "schema": {"enum": CHOICES[name]} if name in CHOICES else {"type": "string"}}
        for name in query
    ]
    if function in ACCEPTED and body is not None:
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}})
    status = "202" if function in ACCEPTED else "303" if function == "press_button" else "200"
    problem = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    operation: dict[str, Any] = {
        "operationId": function,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            status: {"description": "done" if status == "200" else "accepted; see Location"},
            "default": {"description": "what is wrong, and by which rule", **problem},
        },
        "security": [] if function in OPEN_TO_ALL else [{"entra": []}],
    }
    if body is not None:
        schema = {"type": "object", "additionalProperties": False, "properties": body}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation
