"""From what a provider answered to what the user is told: one table for every provider, and for scripted errors too.

The SDKs of OpenAI and Anthropic are generated alike, so their exceptions are read by shape.
Texts from servers are hostile: they are cut to one short printable line, and keys are taken out of them.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LONGEST_WAIT = 600.0
"""Seconds; a server that asks for more ends the job with a sentence that says how long."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a caller has to do with the pauses that servers ask for."""

    longest: Callable[[], float | None] = lambda: None
    """Seconds that there is time for, where that is less than `LONGEST_WAIT`."""
    told: Callable[[str], None] = lambda _: None
    """Called with a sentence for the user when a pause begins that is long enough to wonder at."""


READY_TO_WAIT = Waiting()
"""For who has nothing to do with it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What messages need to know of the one who serves a model."""

    label: str
    """For people: "OpenAI"."""
    model: str
    key_variable: str = ""
    """Environment variable that holds the key; empty when none is needed."""
    key_hint: str = ""
    """What to do about a key that was refused, where it is not to set the variable."""
    address: str = ""
    unknown_hint: str = "Check the name in the model setting."
    down_hint: str = "Check the network, or try again later."
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that must never be shown."""


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What can be seen of a failed call."""

    status: int = 0
    """HTTP status; 0 when there was no answer, or the stream had begun."""
    code: str = ""
    """The provider's own code or type."""
    message: str = ""
    retry_after: float | None = None
    """Seconds the server asks to wait."""
    nature: str = ""
    """"timeout", "unreachable", "broken_stream", "filtered", or empty when the status tells."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a failed call means."""

    kind: str
    """A kind of `ModelUnavailable`."""
    message: str
    hint: str = ""
    attempts: int = 1
    """Calls at most before this ends the job; 1 means that trying again is no use."""
    retry_after: float | None = None


class CallFailed(Exception):
    """A call failed in a way that is already understood; scripted errors are raised as this."""

    def __init__(self, symptoms: Symptoms) -> None:
        super().__init__(symptoms.nature or symptoms.code)
        self.symptoms = symptoms


def read_symptoms(error: Exception, *, now: Callable[[], float] = time.time) -> Symptoms:
    """What an exception of a model client shows; never its request, which holds the key."""
    if isinstance(error, CallFailed):
        return error.symptoms
    kinds = {base.__name__ for base in type(error).__mro__}
    if kinds & {"APITimeoutError", "TimeoutException", "TimeoutError"}:
        return Symptoms(nature="timeout")
    code, message = _code_and_message(getattr(error, "body", None))
    if "APIStatusError" in kinds:
        headers = getattr(getattr(error, "response", None), "headers", {})
        wait = parse_retry_after(headers.get("retry-after-ms"), headers.get("retry-after"), now=now)
        return Symptoms(int(getattr(error, "status_code", 0)), code, message or str(error), wait)
    if kinds & {"RemoteProtocolError", "ReadError", "DecodingError", "JSONDecodeError"}:
        return Symptoms(nature="broken_stream")
    if kinds & {"APIConnectionError", "TransportError", "OSError"}:
        return Symptoms(nature="unreachable", message=_reason(error))
    if "APIError" in kinds:  # an error event in a stream that had begun
        return Symptoms(nature="broken_stream" if not code else "", code=code, message=message or str(error))
    return Symptoms(nature="unexpected", message=f"{type(error).__name__}: {error}")


def parse_retry_after(milliseconds: str | None, value: str | None, *, now: Callable[[], float]) -> float | None:
    """Seconds to wait from `retry-after-ms` and `Retry-After` (RFC 9110, 10.2.3: seconds or a date)."""
    if milliseconds:
        try:
            return max(0.0, float(milliseconds) / 1000)
        except ValueError:
            pass
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now())
    except ValueError:
        return None


def diagnose(symptoms: Symptoms, provider: Provider, longest: float | None = None) -> Trouble:
    """What it means and what the user can do; `longest` are the seconds that may be waited, where they are few."""
    said = clean(symptoms.message, provider.secrets)
    quoted = f' It said: "{said}"' if said else ""
    text = f"{symptoms.code} {symptoms.message}".lower()
    status = symptoms.status
    who = provider.label
    if status == 413 or (_CONTEXT.search(text) and status in {0, 400, 422, 500}):
        return context_too_long(provider, said)
    if status in {401, 403} or _BAD_KEY.search(text):
        return _auth(provider, quoted)
    if status == 402 or (status in {0, 400, 429} and _QUOTA.search(text)):
        message = f"The account at {who} has no quota left for {provider.model}.{quoted}"
        return Trouble("model_quota", message, "Check the plan and billing of the account, or choose another model.")
    if status == 404 or "model_not_found" in text:
        return Trouble(
            "model_unknown", f"{who} does not know the model {provider.model}.{quoted}", provider.unknown_hint
        )
    if symptoms.nature == "filtered":
        return Trouble("model_error", f"{who}'s content filter stopped the reply.", "Reword the requirement.")
    limit = LONGEST_WAIT if longest is None else min(longest, LONGEST_WAIT)
    return _passing(symptoms, provider, quoted, limit)


def context_too_long(provider: Provider, said: str = "") -> Trouble:
    quoted = f' It said: "{said}"' if said else ""
    return Trouble(
        "context_too_long",
        f"The prompt is longer than {provider.model} can take.{quoted}",
        "Select less code, or choose a model with a larger context.",
    )


def drop_refused_option(symptoms: Symptoms, extra: dict[str, Any]) -> bool:
    """Leave out an option that the server has just refused; True when there is reason to call again.

    Reasoning models refuse a temperature, plain servers refuse schemas; both answer well without.
    """
    if symptoms.status not in {400, 422}:
        return False
    from openai import NOT_GIVEN  # noqa: PLC0415 - whoever was refused has loaded it

    said = f"{symptoms.code} {symptoms.message}".lower()
    if "temperature" in said and extra.get("temperature") is not NOT_GIVEN:
        extra["temperature"] = NOT_GIVEN
        return True
    if extra.get("response_format") and ("response_format" in said or "json_schema" in said or "schema" in said):
        del extra["response_format"]
        return True
    return False


def clean(text: str, secrets: tuple[str, ...]) -> str:
    """One short printable line of a server's text, without keys."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    text = _LOOKS_LIKE_A_KEY.sub("[key]", text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())
    return line if len(line) <= 300 else line[:297] + "…"


def _auth(provider: Provider, quoted: str) -> Trouble:
    message = f"{provider.label} did not accept the key.{quoted}"
    usual = f"Set {provider.key_variable} to a valid key." if provider.key_variable else "Check the server's settings."
    return Trouble("model_auth", message, provider.key_hint or usual)


def _passing(symptoms: Symptoms, provider: Provider, quoted: str, longest: float) -> Trouble:
    """What may go away by itself, and the rest."""
    who, wait, status = provider.label, symptoms.retry_after, symptoms.status
    limited = status == 429 or "rate_limit" in symptoms.code
    if wait is not None and wait > longest:
        message = f"{who} asks to wait {duration(wait)} before the next call.{quoted}"
        kind = "model_quota" if limited else "model_error"
        return Trouble(kind, message, "Run the job again then, or choose another model.")
    if limited:
        message = f"{who} refused the calls because there were too many.{quoted}"
        return Trouble(
            "model_quota", message, "Wait a little, run fewer jobs at once, or choose another model.", 6, wait
        )
    if symptoms.nature == "timeout" or status == 408:
        return Trouble("model_unreachable", f"{who} did not answer in time.", provider.down_hint, 3, wait)
    if symptoms.nature == "unreachable":
        at = f" at {provider.address}" if provider.address else ""
        return Trouble("model_unreachable", f"{who}{at} cannot be reached.{quoted}", provider.down_hint, 4, wait)
    if symptoms.nature == "broken_stream":
        return Trouble("model_unreachable", f"{who} broke off its reply.", provider.down_hint, 4, wait)
    if status >= 500 or status in {409, 425} or symptoms.code in {"overloaded_error", "server_error", "api_error"}:
        number = f" ({status})" if status else ""
        message = f"{who} had an error of its own{number}.{quoted}"
        return Trouble("model_error", message, "Try again later, or choose another model.", 5, wait)
    number = f" ({status})" if status else ""
    return Trouble("model_error", f"{who} refused the call{number}.{quoted}", "Check the model setting.")


def _code_and_message(body: object) -> tuple[str, str]:
    """The code (or type) and the message of an error body, in the shapes that servers use."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict) and isinstance(body.get("error"), dict | str):
        body = body["error"]
    if isinstance(body, str):
        return "", body
    if not isinstance(body, dict):
        return "", ""
    parts = [str(body[key]) for key in ("code", "type", "status") if body.get(key)]
    return " ".join(parts), str(body.get("message") or body.get("detail") or "")


def _reason(error: BaseException) -> str:
    """The innermost cause, "Connection refused" rather than "Connection error."."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


_CONTEXT = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|context (window|length|size)"
    r"|prompt is too long|input is too long|too many tokens|input token count"
)
_QUOTA = re.compile(r"insufficient_quota|credit balance|billing_hard_limit|billing_not_active|out of credits")
_BAD_KEY = re.compile(r"invalid_api_key|api[ _]key[ _]not[ _]valid|api_key_invalid|authentication_error")
_LOOKS_LIKE_A_KEY = re.compile(r"\b(sk-|AIza|Bearer\s+)[\w\-*.…]{6,}")
