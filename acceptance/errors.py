"""The errors of a run, with messages for people."""

from __future__ import annotations

from botocore.exceptions import ClientError

POLICY = "acceptance/policy.json"


class AcceptanceError(Exception):
    """A check fails, or an operation is impossible. The message is a sentence with the details."""


class StepFailedError(AcceptanceError):
    """A step of the run fails."""


class InconclusiveError(AcceptanceError):
    """The conditions of a step did not occur. It has neither failed nor passed."""


class TimedOutError(AcceptanceError):
    """A wait has reached its time limit."""


def error_code(error: ClientError) -> str:
    """Return the AWS error code of a refused call."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(error: ClientError) -> str:
    """Return a sentence about a call that AWS refused, with the remedy if there is one."""
    code, message = error_code(error), " ".join(error.response.get("Error", {}).get("Message", "").split())[:500]
    said = f"AWS refused {error.operation_name}: {code}: {message}"
    if code.startswith("ExpiredToken") or code == "RequestExpired":
        return f"{said} Your credentials have expired: renew them, for longer than the run takes."
    if "AccessDenied" in code or "Unauthorized" in code or "NotAuthorized" in code or code == "AuthorizationError":
        return f"{said} You lack this permission. {POLICY} has all that the run needs."
    return said
