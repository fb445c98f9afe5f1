"""How Azure's words become ours: changes with the table of ARM errors or the way they are wrapped."""

from __future__ import annotations

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError

from lifecycle.cloud.arm_faults import error_of, fault_of
from lifecycle.cloud.scrub import LONGEST_MESSAGE, scrub
from lifecycle.faults import Meaning

REFERENCED = (
    '{"error": {"code": "RetryableError", "message": "A retryable error occurred.", "details": [{"code": '
    '"ReferencedResourceNotProvisioned", "message": "Cannot proceed with operation"}]}}'
)


@pytest.mark.parametrize(
    ("body", "code", "meaning"),
    [
        ('{"error": {"code": "NicInUse", "message": "m", "details": []}}', "NicInUse", Meaning.BUSY),
        ('{"code": "ScopeLocked", "message": "m"}', "ScopeLocked", Meaning.LOCKED),
        ('{"error": {"code": "NeverHeardOf"}}', "NeverHeardOf", Meaning.RETRY),
        (REFERENCED, "ReferencedResourceNotProvisioned", Meaning.BUSY),
        ('{"error": {"code": "RetryableError", "details": null}}', "RetryableError", Meaning.BUSY),
        ('{"error": {"code": "RetryableError", "details": ["x"]}}', "RetryableError", Meaning.BUSY),
        (
            '{"error": {"code": "OperationNotAllowed", "message": "exceeding approved Total Regional Cores quota"}}',
            "OperationNotAllowed",
            Meaning.QUOTA,
        ),
        (
            (
                '{"error": {"code": "OperationNotAllowed", "message": "Operation \'start\' is not allowed on VM \'v\' '
                'since the VM is marked for deletion."}}'
            ),
            "OperationNotAllowed",
            Meaning.BUSY,
        ),
    ],
)
def test_an_arm_error_is_known_by_its_code(body: str, code: str, meaning: Meaning) -> None:
    error = error_of(body)
    assert error is not None
    assert (error.code, error.meaning) == (code, meaning)


@pytest.mark.parametrize("body", ["", "null", "[]", "<html/>", "{}", '{"error": null}', '{"error": {"code": 7}}'])
def test_what_is_no_arm_error_has_no_code(body: str) -> None:
    assert error_of(body) is None


@pytest.mark.parametrize(
    ("trouble", "meaning"),
    [
        (ServiceRequestError("could not connect"), Meaning.RETRY),
        (ServiceResponseError("connection lost"), Meaning.RETRY),
        (ClientAuthenticationError("no identity here"), Meaning.TOKEN),
    ],
)
def test_where_no_answer_came_the_exception_names_the_fault(trouble: Exception, meaning: Meaning) -> None:
    fault = fault_of(trouble)
    assert (fault.code, fault.meaning) == (type(trouble).__name__, meaning)


def test_a_text_loses_its_secrets_and_its_length() -> None:
    told = scrub(
        "GET https://management.azure.com/a/b?t=1&s=SECRET, 'HTTPS://x.table.core.windows.net/?sig=SECRET'\n"
        f"Authorization: Bearer SECRET and SharedKey acc:SECRET, token {'SECRETSE' * 40} " + "word " * 100
    )
    assert "SECRET" not in told
    assert "https://management.azure.com/a/b" in told
    assert len(told) == LONGEST_MESSAGE
    assert "\n" not in told
