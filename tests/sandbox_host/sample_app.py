"""A small app that shows what its host did: it writes a line for every call."""

import json
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def _note(**line: object) -> None:
    with Path(os.environ["SAMPLE_JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(line) + "\n")


@app.route("echo/{name:alpha}/{rest?}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "headers": dict(req.headers),
        "length": len(req.get_body()),
    }
    return func.HttpResponse(json.dumps(seen), status_code=201, mimetype="application/json", headers={"ETag": '"1"'})


@app.route("echo/me", methods=["GET"])
def literal(req: func.HttpRequest) -> str:
    return f"literal {req.method}"


@app.route("echo/{name}", methods=["DELETE"])
def remove(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204, headers={"X-Removed": req.route_params["name"]})


@app.route("cookies", methods=["GET"])
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("é", mimetype="text/html", charset="latin-1")
    response.headers.add("Set-Cookie", f"a={req.method}")
    response.headers.add("Set-Cookie", "b=2")
    return response


@app.route("broken", methods=["GET"])
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError(f"this is for the log, not for the caller of {req.url}")


@app.queue_trigger("message", "%WORK_QUEUE%", "AzureWebJobsStorage")
async def work(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    _note(function="work", body=body, attempt=message.dequeue_count)
    if body == "slow":
        time.sleep(0.3)  # noqa: ASYNC251 - a rude function is part of the test
    if body == "fail" or (body == "fail once" and message.dequeue_count == 1):
        raise RuntimeError(body)


@app.queue_trigger("message", "%WORK_QUEUE%-poison", "AzureWebJobsStorage")
def bury(message: func.QueueMessage) -> None:
    _note(function="bury", body=message.get_body().decode())


@app.timer_trigger("timer", "%NIGHTLY_SCHEDULE%")
def nightly(timer: func.TimerRequest) -> None:
    _note(function="nightly", past_due=timer.past_due)


@app.timer_trigger("timer", "0 */5 * * * *", run_on_startup=False)
async def sweep(timer: func.TimerRequest) -> None:
    _note(function="sweep", past_due=timer.past_due)
