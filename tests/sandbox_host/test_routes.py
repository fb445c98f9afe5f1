"""Route templates: what they match, and which of several wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.host.indexing import Function, HttpTrigger, SettingsError
from sandbox.host.routes import RouteTable


def table(*routes: str, prefix: str = "api") -> RouteTable:
    return RouteTable(prefix, [function(route) for route in routes])


def function(route: str) -> Function:
    verbs, _, path = route.rpartition(" ")
    return Function(
        route, lambda: None, "request", HttpTrigger(path, frozenset(verbs.split(",") if verbs else {"GET"}))
    )


def winner(routes: RouteTable, path: str, method: str = "GET") -> str | None:
    found = routes.match(method, path)
    return found.function.name if found else None


def test_a_literal_beats_a_constrained_parameter_beats_a_plain_one_beats_a_catch_all() -> None:
    routes = table("boxes/{*rest}", "boxes/{name}", "boxes/{name:alpha}", "boxes/all")
    assert winner(routes, "/api/boxes/all") == "boxes/all"
    assert winner(routes, "/api/boxes/ada") == "boxes/{name:alpha}"
    assert winner(routes, "/api/boxes/ada-1") == "boxes/{name}"
    assert winner(routes, "/api/boxes/ada/1") == "boxes/{*rest}"


def test_functions_share_a_route_by_method_and_another_method_finds_nothing() -> None:
    routes = table("GET,POST boxes/{name}", "DELETE boxes/{name}")
    assert winner(routes, "/api/boxes/a", "POST") == "GET,POST boxes/{name}"
    assert winner(routes, "/api/boxes/a", "DELETE") == "DELETE boxes/{name}"
    assert winner(routes, "/api/boxes/a", "PUT") is None
    assert winner(routes, "/api/boxes/a", "HEAD") is None


@pytest.mark.parametrize("path", ["/boxes/a", "/api/boxes", "/api/boxes/", "/api/boxes/a/b", "/", "/api"])
def test_a_path_that_is_not_the_template_finds_nothing(path: str) -> None:
    assert winner(table("boxes/{name}"), path) is None


def test_the_prefix_may_be_empty() -> None:
    assert winner(table("boxes", prefix=""), "/boxes") == "boxes"


def test_literals_match_whatever_their_case_and_a_slash_at_the_end_is_nothing() -> None:
    assert winner(table("Boxes/{name}"), "/API/boxes/a/") == "Boxes/{name}"


def test_a_dot_in_a_literal_is_a_dot() -> None:
    assert winner(table("openapi.json"), "/api/openapi.json") == "openapi.json"
    assert winner(table("openapi.json"), "/api/openapixjson") is None


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", "-12", "1x"),
        ("guid", "5a4db0c5-0000-4000-8000-00000000000f", "5a4db0c5"),
        ("length(2,3)", "abc", "abcd"),
        ("minlength(2)", "ab", "a"),
        ("maxlength(2)", "ab", "abc"),
        ("bool", "TRUE", "yes"),
        ("regex(^[a-z]{{2}}$)", "ab", "a1"),
        ("alpha:minlength(2)", "ab", "a"),
    ],
)
def test_a_constraint_admits_only_what_it_says(constraint: str, good: str, bad: str) -> None:
    routes = table(f"x/{{value:{constraint}}}/end")
    assert routes.match("GET", f"/api/x/{good}/end") is not None
    assert routes.match("GET", f"/api/x/{bad}/end") is None


def test_an_optional_parameter_may_be_left_out() -> None:
    routes = table("x/{value?}")
    found = routes.match("GET", "/api/x")
    assert found is not None
    assert found.values == {}


@given(st.text(min_size=1, max_size=20))
def test_a_parameter_is_decoded_once_and_never_reaches_past_its_segment(value: str) -> None:
    from urllib.parse import quote

    found = table("boxes/{stack}/{name}").match("GET", f"/api/boxes/{quote(value, safe='')}/n")
    assert found is not None
    assert found.values == {"stack": value, "name": "n"}


@pytest.mark.parametrize("route", ["x/{a|b}", "x/{a", "x/{a:colour}"])
def test_a_template_that_the_host_cannot_serve_is_refused_at_start(route: str) -> None:
    with pytest.raises(SettingsError):
        table(route)
