"""What may go wrong, as sentences for people."""

from __future__ import annotations

from botocore.exceptions import ClientError

POLICY = "acceptance/policy.json"


class AcceptanceError(Exception):
    """Something does not hold, or cannot be done; the message is a sentence that names it."""


class StepFailedError(AcceptanceError):
    """A step of the walk does not hold."""


class InconclusiveError(AcceptanceError):
    """A step could not be made to happen; nothing is wrong, and nothing is proven."""


class TimedOutError(AcceptanceError):
    """A wait has reached its bound."""


def error_code(error: ClientError) -> str:
    """The AWS error code of a refused call."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(error: ClientError) -> str:
    """What AWS has refused to whoever runs this, and the remedy where there is one."""
    code, message = error_code(error), " ".join(error.response.get("Error", {}).get("Message", "").split())[:500]
    said = f"AWS refused {error.operation_name}: {code}: {message}"
    if code.startswith("ExpiredToken") or code == "RequestExpired":
        return f"{said} Your credentials have expired: renew them, for longer than the run takes."
    if "AccessDenied" in code or "Unauthorized" in code or "NotAuthorized" in code or code == "AuthorizationError":
        return f"{said} You lack this permission: {POLICY} has all that are needed."
    return said
