"""The triggers: each decodes, makes one call, and encodes. The only file that knows Azure Functions."""

import os

import azure.functions as func

from lifecycle import settings
from lifecycle.house import House
from lifecycle.ports import Chore, Queue
from lifecycle.web.answers import Answer, Request

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
house = House(settings.read(os.environ))

STORAGE = "AzureWebJobsStorage"


def _request(req: func.HttpRequest) -> Request:
    return Request(
        req.method,
        req.url,
        dict(req.route_params),
        dict(req.params),
        {name.lower(): value for name, value in req.headers.items()},
        req.get_body(),
    )


def _response(answer: Answer) -> func.HttpResponse:
    headers = {**answer.headers, "Content-Type": answer.content_type}
    return func.HttpResponse(answer.text.encode(), status_code=answer.status, headers=headers)


async def _answer(name: str, req: func.HttpRequest) -> func.HttpResponse:
    return _response(await house.site.answer(name, _request(req)))


@app.route("jumpboxes", methods=["POST"])
async def create_jumpbox(req: func.HttpRequest) -> func.HttpResponse:
    """Ask for a box."""
    return await _answer("create_jumpbox", req)


@app.route("jumpboxes", methods=["GET"])
async def list_jumpboxes(req: func.HttpRequest) -> func.HttpResponse:
    """List boxes."""
    return await _answer("list_jumpboxes", req)


@app.route("jumpboxes/{stack}/{name}", methods=["GET"])
async def get_jumpbox(req: func.HttpRequest) -> func.HttpResponse:
    """Read a box."""
    return await _answer("get_jumpbox", req)


@app.route("jumpboxes/{stack}/{name}", methods=["DELETE"])
async def retire_jumpbox(req: func.HttpRequest) -> func.HttpResponse:
    """End a box."""
    return await _answer("retire_jumpbox", req)


@app.route("jumpboxes/{stack}/{name}/extend", methods=["POST"])
async def extend_jumpbox(req: func.HttpRequest) -> func.HttpResponse:
    """Lengthen a lease."""
    return await _answer("extend_jumpbox", req)


@app.route("jumpboxes/{stack}/{name}/wake", methods=["POST"])
async def wake_jumpbox(req: func.HttpRequest) -> func.HttpResponse:
    """Hold a box open."""
    return await _answer("wake_jumpbox", req)


@app.route("jumpboxes/{stack}/{name}/schedule", methods=["POST"])
async def follow_schedule(req: func.HttpRequest) -> func.HttpResponse:
    """Have a box follow another schedule for a while."""
    return await _answer("follow_schedule", req)


@app.route("jumpboxes/{stack}/{name}/park", methods=["POST"])
async def park_jumpbox(req: func.HttpRequest) -> func.HttpResponse:
    """Deallocate a box."""
    return await _answer("park_jumpbox", req)


@app.route("stacks", methods=["GET"])
async def list_stacks(req: func.HttpRequest) -> func.HttpResponse:
    """List stacks."""
    return await _answer("list_stacks", req)


@app.route("stacks/{stack}", methods=["GET"])
async def get_stack(req: func.HttpRequest) -> func.HttpResponse:
    """Read a stack."""
    return await _answer("get_stack", req)


@app.route("stacks/{stack}/plan", methods=["GET"])
async def plan_stack(req: func.HttpRequest) -> func.HttpResponse:
    """Say what would be done with a stack now."""
    return await _answer("plan_stack", req)


@app.route("plan", methods=["GET"])
async def plan_stacks(req: func.HttpRequest) -> func.HttpResponse:
    """Say what would be done with all stacks now."""
    return await _answer("plan_stacks", req)


@app.route("stacks/{stack}/exempt", methods=["POST"])
async def exempt_stack(req: func.HttpRequest) -> func.HttpResponse:
    """Have nothing of a stack closed for a while."""
    return await _answer("exempt_stack", req)


@app.route("deletions", methods=["GET"])
async def get_deletions(req: func.HttpRequest) -> func.HttpResponse:
    """Say how many doors and machines were deleted this hour."""
    return await _answer("get_deletions", req)


@app.route("deletions", methods=["POST"])
async def lift_bound(req: func.HttpRequest) -> func.HttpResponse:
    """Lift the bound on deletions for a while."""
    return await _answer("lift_bound", req)


@app.route("stacks/{stack}/sessions", methods=["GET"])
async def list_sessions(req: func.HttpRequest) -> func.HttpResponse:
    """List a stack's sessions."""
    return await _answer("list_sessions", req)


@app.route("stacks/{stack}/sessions/{session_id}", methods=["DELETE"])
async def disconnect_session(req: func.HttpRequest) -> func.HttpResponse:
    """End a session."""
    return await _answer("disconnect_session", req)


@app.route("schedules", methods=["GET"])
async def list_schedules(req: func.HttpRequest) -> func.HttpResponse:
    """List schedules."""
    return await _answer("list_schedules", req)


@app.route("schedules/{name}", methods=["GET"])
async def get_schedule(req: func.HttpRequest) -> func.HttpResponse:
    """Read a schedule."""
    return await _answer("get_schedule", req)


@app.route("schedules/{name}", methods=["PUT"])
async def put_schedule(req: func.HttpRequest) -> func.HttpResponse:
    """Change a schedule."""
    return await _answer("put_schedule", req)


@app.route("schedules/{name}", methods=["DELETE"])
async def delete_schedule(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a schedule."""
    return await _answer("delete_schedule", req)


@app.route("costs", methods=["GET"])
async def get_costs(req: func.HttpRequest) -> func.HttpResponse:
    """Say what it cost."""
    return await _answer("get_costs", req)


@app.route("costs/savings", methods=["GET"])
async def get_savings(req: func.HttpRequest) -> func.HttpResponse:
    """Say what it would have cost otherwise."""
    return await _answer("get_savings", req)


@app.route("budgets", methods=["GET"])
async def list_budgets(req: func.HttpRequest) -> func.HttpResponse:
    """Say how budgets stand."""
    return await _answer("list_budgets", req)


@app.route("audit", methods=["GET"])
async def get_audit(req: func.HttpRequest) -> func.HttpResponse:
    """Read the audit of a stack's day."""
    return await _answer("get_audit", req)


@app.route("dashboard", methods=["GET"])
async def dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """Show the page."""
    return await _answer("dashboard", req)


@app.route("dashboard/{stack}/{name}/{word}", methods=["POST"])
async def press_button(req: func.HttpRequest) -> func.HttpResponse:
    """Take a form of the page."""
    return await _answer("press_button", req)


@app.route("static/{name}", methods=["GET"])
async def static_file(req: func.HttpRequest) -> func.HttpResponse:
    """Serve the page's style and script."""
    return await _answer("static_file", req)


@app.route("keep", methods=["GET"])
async def keep_page(req: func.HttpRequest) -> func.HttpResponse:
    """Show what a link in a warning is about."""
    return await _answer("keep_page", req)


@app.route("keep", methods=["POST"])
async def use_link(req: func.HttpRequest) -> func.HttpResponse:
    """Use a link in a warning."""
    return await _answer("use_link", req)


@app.route("openapi.json", methods=["GET"])
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Describe this interface."""
    return await _answer("openapi", req)


@app.route("alive", methods=["GET"])
async def alive(req: func.HttpRequest) -> func.HttpResponse:
    """Say that the app runs."""
    return await _answer("alive", req)


@app.route("health", methods=["GET"])
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Say that the app runs, and to operators what is wrong."""
    return await _answer("health", req)


@app.route("teams", methods=["POST"])
async def teams(req: func.HttpRequest) -> func.HttpResponse:
    """Answer the Teams outgoing webhook."""
    return await _answer("teams", req)


@app.queue_trigger("msg", queue_name=Queue.RECONCILE.value, connection=STORAGE)
async def reconcile(msg: func.QueueMessage) -> None:
    """Bring one stack towards what is wanted of it."""
    await house.reconciler.reconcile(msg.get_body().decode())
    await house.sweeps.pass_by()


@app.queue_trigger("msg", queue_name=Queue.NOTIFY.value, connection=STORAGE)
async def notify(msg: func.QueueMessage) -> None:
    """Send one notice."""
    await house.delivery.notify(msg.get_body().decode())


@app.queue_trigger("msg", queue_name=f"{Queue.RECONCILE.value}-poison", connection=STORAGE)
async def reconcile_poison(msg: func.QueueMessage) -> None:
    """Alert, and wake the stack all the same."""
    await house.delivery.poisoned(Queue.RECONCILE, msg.get_body().decode(errors="replace"))


@app.queue_trigger("msg", queue_name=f"{Queue.NOTIFY.value}-poison", connection=STORAGE)
async def notify_poison(msg: func.QueueMessage) -> None:
    """Alert about a notice that could not be delivered."""
    await house.delivery.poisoned(Queue.NOTIFY, msg.get_body().decode(errors="replace"))


@app.queue_trigger("msg", queue_name=Queue.CHORES.value, connection=STORAGE)
async def chores(msg: func.QueueMessage) -> None:
    """Do one chore."""
    await house.chores.do(msg.get_body().decode())


@app.queue_trigger("msg", queue_name=f"{Queue.CHORES.value}-poison", connection=STORAGE)
async def chores_poison(msg: func.QueueMessage) -> None:
    """Alert about a chore that could not be done."""
    await house.delivery.poisoned(Queue.CHORES, msg.get_body().decode(errors="replace"))


@app.timer_trigger("timer", schedule="0 */5 * * * *", run_on_startup=False)
async def sweep(timer: func.TimerRequest) -> None:
    """Ring for whatever is due."""
    await house.sweeps.sweep()
    await house.sweeps.fold()
    await house.bill.watch_budgets()


@app.timer_trigger("timer", schedule=house.settings.nightly, run_on_startup=False)
async def nightly(timer: func.TimerRequest) -> None:
    """Keep the house clean."""
    await house.sweeps.nightly()
    await house.bell.ring(Queue.CHORES, Chore.ORPHANS)
    await house.bill.finish_days()


@app.timer_trigger("timer", schedule="0 23 3 * * *", run_on_startup=False)
async def refresh_prices(timer: func.TimerRequest) -> None:
    """Have the price list read."""
    await house.bell.ring(Queue.CHORES, Chore.PRICES)
