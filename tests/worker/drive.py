"""Drives Microsoft's worker library as the Functions host would, and writes what it answered as one line of JSON.

Run by a Python 3.13 that has ``azure-functions-runtime``: ``python drive.py <the app's folder>``, with the app's
settings in the environment and a JSON list of calls on standard input: ``{"function", "http" | "queue" | "timer"}``.

The library never imports protobuf: it is handed a namespace of message classes (``request.properties["protos"]``). Of a
message it uses the constructor, plain attributes and ``WhichOneof``; of the enumerations those below. That is all there
is to ``Message`` and ``Protos``.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Mapping
from typing import Any


class Message:
    """Any message: it has the fields it was given."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 -- protobuf's name
        """Name the field that is set; only a parameter has fields beside its oneof."""
        return "data" if group == "rpc_data" else next(iter(vars(self)), None)


class StatusResult(Message):
    """How something ended."""

    Failure, Success = 0, 1


class BindingInfo(Message):
    """One binding; its enumerations are numbered as in the worker's protocol."""

    undefined = 0
    out, inout = 1, 2


class RpcHttpCookie(Message):
    """A cookie that the host is to set."""

    class SameSite:
        """By the protocol's names."""

        Lax, Strict, ExplicitNone = "Lax", "Strict", "ExplicitNone"


setattr(RpcHttpCookie.SameSite, "None", "None")


class Protos:
    """The messages of the worker's protocol, by name."""

    StatusResult = StatusResult
    BindingInfo = BindingInfo
    RpcHttpCookie = RpcHttpCookie

    def __getattr__(self, name: str) -> type[Message]:
        return Message


def asked(**request: Message) -> Message:
    """Wrap a request as the worker's proxy does."""
    return Message(request=Message(**request), properties={"host": "127.0.0.1", "protos": Protos()})


def invocation(call: Mapping[str, Any], function_id: str, argument: str) -> Message:
    """Ask for one call of one function, with what its trigger would carry."""
    metadata: dict[str, Message] = {}
    if "http" in call:
        http = {"headers": {}, "params": {}, "query": {}, "body": ""} | call["http"]
        data = Message(http=Message(**http | {"body": Message(bytes=http["body"].encode())}))
    elif "queue" in call:
        data = Message(string=call["queue"])
        metadata = {"Id": Message(string="1"), "DequeueCount": Message(json="1"), "PopReceipt": Message(string="1")}
    else:
        data = Message(json=json.dumps(call["timer"]))
    return asked(
        invocation_request=Message(
            invocation_id="1",
            function_id=function_id,
            input_data=[Message(name=argument, data=data)],
            trigger_metadata=metadata,
            trace_context=Message(trace_parent="", trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )
    )


def told(result: Message) -> dict[str, Any]:
    """Write how something ended."""
    trouble = getattr(result, "exception", None)
    return {"ended": bool(result.status), "trouble": trouble and f"{trouble.message}\n{trouble.stack_trace}"}


def answer(response: Message) -> dict[str, Any]:
    """Write an answer: how it ended, and for HTTP what goes back to the caller."""
    found = told(response.result)
    http = getattr(getattr(response, "return_value", None), "http", None)
    if http is not None:
        headers = {name.lower(): value for name, value in http.headers.items()}
        found |= {"status": int(http.status_code), "headers": headers, "body": http.body.bytes.decode()}
        found["cookies"] = [_cookie(each) for each in http.cookies or ()]
    return found


def _cookie(cookie: Message) -> dict[str, Any]:
    said = {name: getattr(cookie, name).value for name in ("path", "secure", "http_only")}
    return {"name": cookie.name, "same_site": cookie.same_site, **said}


async def drive(folder: str, calls: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Start the library on the app, read its index, and make the calls one after the other."""
    library = importlib.import_module("azure_functions_runtime")  # only this Python has it

    init = Message(function_app_directory=folder, capabilities={})
    started = told((await library.worker_init_request(asked(worker_init_request=init))).result)
    if not started["ended"]:
        return {"started": started}
    metadata = (await library.functions_metadata_request(asked())).function_metadata_results
    ids = {found.name: found.function_id for found in metadata}
    bindings = {found.name: [json.loads(raw) for raw in found.raw_bindings] for found in metadata}
    answers = []
    for call in calls:
        name = call["function"]
        load = Message(function_id=ids[name])
        await library.function_load_request(asked(function_load_request=load))
        argument = next(each["name"] for each in bindings[name] if each["type"].endswith("Trigger"))
        answers.append(answer(await library.invocation_request(invocation(call, ids[name], argument))))
    return {"started": started, "bindings": bindings, "answers": answers}


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    outcome = asyncio.run(drive(sys.argv[1], json.load(sys.stdin)))
    print(json.dumps(outcome))  # noqa: T201 -- this is its answer
