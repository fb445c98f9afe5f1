"""The adapter under the public cloud's rules: changes with the way ARM calls are signed there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError

from lifecycle.cloud.arm import PUBLIC_CLOUD, ArmAzure
from lifecycle.cloud.credential import Identity
from lifecycle.faults import AzureFault, Meaning
from lifecycle.model import Kind, Verb
from tests.cloud.conftest import GROUP, SUBSCRIPTION
from tests.cloud.ids import VM
from tests.contract.network import Diverted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from azure.core.credentials import TokenRequestOptions

    from tests.cloud.script import Script


class Numbered(Identity):
    """An identity whose tokens are numbered."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        del options
        assert scopes == ("https://management.azure.com/.default",)
        self.given += 1
        return AccessTokenInfo(f"token-{self.given}", int(time.time()) + 3600)


@pytest.fixture
async def public(script: Script) -> AsyncIterator[ArmAzure]:
    adapter = ArmAzure(PUBLIC_CLOUD, SUBSCRIPTION, GROUP, Numbered(), transport=Diverted(PUBLIC_CLOUD, script.root))
    yield adapter
    await adapter.close()


async def test_a_token_serves_many_calls_until_it_is_refused(public: ArmAzure, script: Script) -> None:
    script.answer(200, {"id": VM})
    script.answer(200, {"id": VM})
    script.answer(401, {"error": {"code": "ExpiredAuthenticationToken"}})
    script.answer(200, {"id": VM})
    await public.look(Kind.VM, VM)
    await public.look(Kind.VM, VM)
    with pytest.raises(AzureFault) as refusal:
        await public.look(Kind.VM, VM)
    assert refusal.value.fault.meaning is Meaning.TOKEN
    await public.look(Kind.VM, VM)
    used = [asked.headers["authorization"] for asked in script.asked]
    assert used == ["Bearer token-1", "Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_an_operation_of_the_public_cloud_is_followed(public: ArmAzure, script: Script) -> None:
    script.answer(201, {"location": "x"}, Azure_AsyncOperation=PUBLIC_CLOUD + "/operations/1?s=x")
    script.answer(200, {"status": "Succeeded"})
    token = (await public.begin(Verb.PUT, Kind.VM, VM, {"location": "x"}, 0)).token
    assert token is not None
    assert (await public.poll(Verb.PUT, Kind.VM, VM, token)).fault is None
    assert script.asked[-1].path == "/operations/1"


async def test_where_there_is_no_identity_the_fault_is_the_tokens(script: Script) -> None:
    class Nobody(Numbered):
        async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
            del scopes, options
            raise ClientAuthenticationError("no managed identity endpoint found")

    adapter = ArmAzure(PUBLIC_CLOUD, SUBSCRIPTION, GROUP, Nobody(), transport=Diverted(PUBLIC_CLOUD, script.root))
    with pytest.raises(AzureFault) as refusal:
        await adapter.look(Kind.VM, VM)
    await adapter.close()
    assert refusal.value.fault.meaning is Meaning.TOKEN
    assert script.asked == []
