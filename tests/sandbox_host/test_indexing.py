"""What the host reads of an app and of host.json, and how it refuses what it cannot run."""

import json
from datetime import timedelta
from pathlib import Path

import azure.functions as func
import pytest

from sandbox.host.hostjson import HostJson
from sandbox.host.indexing import HttpTrigger, QueueTrigger, SettingsError, TimerTrigger, index


def app() -> func.FunctionApp:
    made = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @made.route("things/{id}", methods=["PUT"])
    def put(req: func.HttpRequest) -> str:
        return str(req.method)

    @made.function_name("renamed")
    @made.timer_trigger("timer", "%WHEN%", run_on_startup=True)
    def tick(timer: func.TimerRequest) -> None: ...

    @made.queue_trigger("message", "%QUEUE%", "Store")
    def take(message: func.QueueMessage) -> None: ...

    return made


def test_triggers_are_read_with_their_settings_filled_in() -> None:
    functions = {f.name: f for f in index(app(), {"WHEN": "0 0 2 * * *", "QUEUE": "Work", "Store": "connection"})}
    assert functions["put"].trigger == HttpTrigger("things/{id}", frozenset({"PUT"}))
    assert functions["take"].trigger == QueueTrigger("work", "connection")
    tick = functions["renamed"].trigger
    assert isinstance(tick, TimerTrigger)
    assert tick.expression == "0 0 2 * * *"
    assert tick.run_on_startup


def test_one_message_names_everything_that_has_no_value() -> None:
    with pytest.raises(SettingsError) as refused:
        index(app(), {})
    assert "renamed: the setting WHEN" in str(refused.value)
    assert "take: the setting Store" in str(refused.value)


def test_a_binding_that_the_host_does_not_offer_is_refused() -> None:
    made = func.FunctionApp()

    @made.blob_trigger("blob", "path", "Store")
    def look(blob: func.InputStream) -> None: ...

    with pytest.raises(SettingsError, match="blobTrigger"):
        index(made, {})


def test_host_json_gives_the_prefix_and_the_queue_settings(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    queues = {
        "batchSize": 4,
        "maxPollingInterval": "00:00:05",
        "visibilityTimeout": "1.00:00:30.5",
        "messageEncoding": "none",
    }
    path.write_text(json.dumps({"extensions": {"http": {"routePrefix": "/v1/"}, "queues": queues}}))
    read = HostJson.read(path)
    assert read.route_prefix == "v1"
    assert (read.queues.batch_size, read.queues.new_batch_threshold, read.queues.max_dequeue_count) == (4, 2, 5)
    assert read.queues.max_polling_interval == timedelta(seconds=5)
    assert read.queues.visibility_timeout == timedelta(days=1, seconds=30.5)
    assert not read.queues.base64


def test_without_host_json_the_platforms_defaults_hold(tmp_path: Path) -> None:
    read = HostJson.read(tmp_path / "host.json")
    assert read.route_prefix == "api"
    assert (read.queues.batch_size, read.queues.max_dequeue_count, read.queues.base64) == (16, 5, True)


@pytest.mark.parametrize(
    "queues", [{"batchSize": 33}, {"batchSize": 0}, {"messageEncoding": "utf"}, {"visibilityTimeout": "30"}]
)
def test_host_json_out_of_range_is_refused(tmp_path: Path, queues: dict[str, object]) -> None:
    path = tmp_path / "host.json"
    path.write_text(json.dumps({"extensions": {"queues": queues}}))
    with pytest.raises(SettingsError):
        HostJson.read(path)
