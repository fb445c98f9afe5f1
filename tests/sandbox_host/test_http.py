"""HTTP triggers end to end: what the app sees of a request and the caller of a response."""

import json

import pytest

from tests.sandbox_host.conftest import HostedApp

pytestmark = [pytest.mark.azurite, pytest.mark.asyncio(loop_scope="session")]


async def test_the_app_sees_the_request_and_the_caller_the_response(hosted: HostedApp) -> None:
    async with hosted() as app, app.http.post(f"{app.url}/api/echo/ada/x%2Fy?a=1&a=2&b=", data=b"12345") as answer:
        assert answer.status == 201
        assert answer.headers["ETag"] == '"1"'
        assert answer.content_type == "application/json"
        seen = await answer.json()
        assert seen["method"] == "POST"
        assert seen["route"] == {"name": "ada", "rest": "x/y"}
        assert seen["params"] == {"a": "1,2", "b": ""}
        assert seen["length"] == 5


async def test_a_function_that_raises_is_a_500_without_a_word(hosted: HostedApp) -> None:
    async with hosted() as app, app.http.get(f"{app.url}/api/broken") as answer:
        assert answer.status == 500
        assert await answer.read() == b""


async def test_an_unknown_route_and_a_wrong_method_are_404_as_on_the_platform(hosted: HostedApp) -> None:
    async with hosted() as app:
        for method, path in [("GET", "/api/nowhere"), ("PUT", "/api/echo/me"), ("HEAD", "/api/echo/me"), ("GET", "/")]:
            async with app.http.request(method, f"{app.url}{path}") as answer:
                assert answer.status == 404


async def test_a_literal_wins_and_a_function_may_return_a_text(hosted: HostedApp) -> None:
    async with hosted() as app:
        async with app.http.get(f"{app.url}/api/echo/me") as answer:
            assert await answer.text() == "literal GET"
        async with app.http.delete(f"{app.url}/api/echo/me") as answer:
            assert answer.status == 204
            assert answer.headers["X-Removed"] == "me"


async def test_repeated_headers_and_the_charset_reach_the_caller(hosted: HostedApp) -> None:
    async with hosted() as app, app.http.get(f"{app.url}/api/cookies") as answer:
        assert answer.headers.getall("Set-Cookie") == ["a=GET", "b=2"]
        assert answer.headers["Content-Type"] == "text/html; charset=latin-1"
        assert await answer.text() == "é"


async def test_a_body_of_megabytes_reaches_the_app(hosted: HostedApp) -> None:
    size = 5 * 1024 * 1024
    async with hosted() as app, app.http.post(f"{app.url}/api/echo/ada", data=b"x" * size) as answer:
        assert (await answer.json())["length"] == size


async def test_a_browser_signs_in_by_cookie_and_out_again(hosted: HostedApp) -> None:
    async with hosted() as app:
        app.http.cookie_jar.clear()
        jar = {}
        query = {"user": "ada@example.com", "role": "operator", "post_login_redirect_uri": "/api/echo/me"}
        async with app.http.get(f"{app.url}/.auth/login/sandbox", params=query, allow_redirects=False) as answer:
            assert answer.status == 302
            assert answer.headers["Location"] == "/api/echo/me"
            jar = {name: morsel.value for name, morsel in answer.cookies.items()}
            assert "HttpOnly" in answer.headers["Set-Cookie"]
            assert "SameSite=Lax" in answer.headers["Set-Cookie"]
        async with app.http.get(f"{app.url}/api/echo/ada", cookies=jar) as answer:
            assert (await answer.json())["headers"]["x-ms-client-principal-name"] == "ada@example.com"
        async with app.http.get(f"{app.url}/.auth/me", cookies=jar) as answer:
            assert (await answer.json())[0]["user_id"] == "ada@example.com"
        for bad in ({"user": "ada", "role": "owner"}, {"user": "a", "post_login_redirect_uri": "//evil.example"}):
            async with app.http.get(f"{app.url}/.auth/login/sandbox", params=bad) as answer:
                assert answer.status == 400
                assert "Set-Cookie" not in answer.headers


async def test_the_host_tells_its_functions(hosted: HostedApp) -> None:
    async with hosted() as app:
        async with app.http.get(f"{app.url}/admin/host/status") as answer:
            assert (await answer.json())["state"] == "Running"
        async with app.http.get(f"{app.url}/admin/functions") as answer:
            triggers = {each["name"]: each["trigger"]["type"] for each in json.loads(await answer.text())}
        assert triggers["echo"] == "httpTrigger"
        assert triggers["work"] == "queueTrigger"
        assert triggers["sweep"] == "timerTrigger"
