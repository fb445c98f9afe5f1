"""Which function answers a request: route templates, their constraints and their order.

The platform routes with ASP.NET Core's templates: literals match whatever their case, a literal segment beats a
constrained parameter, that beats a plain one, and a catch-all comes last. A request whose path is known but whose
method is not is answered 404, not 405: reported, and open, in azure-functions-host#10098 (and #11625 for HEAD).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from sandbox.host.indexing import Function, HttpTrigger, SettingsError

_GUID: Final = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_PLAIN: Final = {"alpha": "[A-Za-z]+", "int": r"-?\d+", "long": r"-?\d+", "guid": _GUID, "bool": "(?i:true|false)"}
_PARAMETER: Final = re.compile(r"\{(\*{0,2})(\w+)((?::(?:[^{}]|\{\{|\}\})+)?)(\?)?\}")


@dataclass(frozen=True, slots=True)
class Match:
    """A function and the values its route's parameters took."""

    function: Function
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Route:
    """One function's route: a pattern for the path and how specific each of its segments is."""

    function: Function
    methods: frozenset[str]
    pattern: re.Pattern[str]
    precedence: tuple[int, ...]


class RouteTable:
    """All HTTP functions of the app, most specific route first."""

    def __init__(self, prefix: str, functions: Iterable[Function]) -> None:
        routes = [
            _route(prefix, function, function.trigger)
            for function in functions
            if isinstance(function.trigger, HttpTrigger)
        ]
        self._routes = sorted(routes, key=lambda route: route.precedence)

    def match(self, method: str, raw_path: str) -> Match | None:
        """Find the function for a method and a still percent-encoded path; None means 404.

        Parameter values are decoded after matching, so an encoded slash stays inside its segment.
        """
        path = raw_path.strip("/")
        for route in self._routes:
            found = route.pattern.fullmatch(path) if method in route.methods else None
            if found is not None:
                values = {name: unquote(value) for name, value in found.groupdict().items() if value is not None}
                return Match(route.function, values)
        return None


def _route(prefix: str, function: Function, trigger: HttpTrigger) -> _Route:
    template = f"{prefix}/{trigger.route}".strip("/")
    pattern, precedence = "", []
    for number, segment in enumerate(template.split("/")):
        text, weight, optional = _segment(segment, function.name)
        slash = "/" if number else ""
        pattern += f"(?:{slash}{text})?" if optional else f"{slash}{text}"
        precedence.append(weight)
    return _Route(function, trigger.methods, re.compile(pattern), tuple(precedence))


def _segment(segment: str, function: str) -> tuple[str, int, bool]:
    """Translate one segment to (pattern, precedence, optional); lower precedence wins, as in ASP.NET Core."""
    parameters = list(_PARAMETER.finditer(segment))
    literal = _PARAMETER.sub("", segment)
    if "{" in literal or "}" in literal:
        raise SettingsError(f"{function}: {segment!r} is no route template (a route names one parameter per braces)")
    if not parameters:
        return f"(?i:{re.escape(segment)})", 1, False
    pattern, end = "", 0
    for parameter in parameters:
        stars, name, constraints, _ = parameter.groups()
        value = ".*" if stars else "[^/]+?"
        checks = "".join(_constraint(text, function) for text in _split(constraints))
        pattern += f"(?i:{re.escape(segment[end : parameter.start()])}){checks}(?P<{name}>{value})"
        end = parameter.end()
    pattern += f"(?i:{re.escape(segment[end:])})"
    stars, _, constraints, question = parameters[0].groups()
    if stars:
        return pattern, 4 if constraints else 5, True
    return pattern, 2 if constraints or literal else 3, question is not None


def _split(constraints: str) -> list[str]:
    """Split `:alpha:length(2,5)` at the colons that stand outside brackets."""
    return re.findall(r":((?:\((?:[^()]|\([^()]*\))*\)|[^:()])+)", constraints)


def _constraint(text: str, function: str) -> str:
    """Translate one constraint into a look-ahead over the parameter's segment."""
    name, _, argument = text.removesuffix(")").partition("(")
    bounds = [bound.strip() for bound in argument.split(",")]
    match name:
        case "minlength":
            body = f"[^/]{{{bounds[0]},}}"
        case "maxlength":
            body = f"[^/]{{0,{bounds[0]}}}"
        case "length":
            body = f"[^/]{{{','.join(bounds)}}}"
        case "regex":
            body = argument.removeprefix("^").removesuffix("$").replace("{{", "{").replace("}}", "}")
        case _ if name in _PLAIN:
            body = _PLAIN[name]
        case _:
            raise SettingsError(f"{function}: the sandbox's host knows no route constraint {text!r}")
    return f"(?=(?:{body})(?:/|$))"
