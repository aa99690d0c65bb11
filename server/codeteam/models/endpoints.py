"""Where the providers' models are served, from the settings and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from codeteam.domain.errors import BadInput, ModelUnavailable
from codeteam.domain.questions import Key
from codeteam.models.trouble import Provider

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_GEMINI_ROOT = "https://generativelanguage.googleapis.com"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is served."""

    provider: Provider
    base_url: str
    key: str = field(repr=False)
    silence: float = 300.0
    """Seconds a server may be silent; models that think or machines that are slow say nothing for minutes."""

    @property
    def is_loopback(self) -> bool:
        """Served on this machine: a proxy set for the internet must not be asked for it."""
        return urlsplit(self.base_url).hostname in _LOOPBACK


class MissingKey(ModelUnavailable):
    """The environment has no key, and the provider wants one."""

    def __init__(self, label: str, wanted: str, key: Key) -> None:
        super().__init__(f"There is no key for {label}.", f"Set {wanted}.", "model_auth")
        self.key = key
        """The one to be asked for."""


def endpoint_of(provider: str, name: str, *, base_url: str, environ: Mapping[str, str]) -> Endpoint:
    """Address and key of a remote model from the settings and the environment.

    Raises `MissingKey` when there is none, `ModelUnavailable` (model_auth) when it cannot be one, `BadInput` when an
    address is missing or wrong.
    """
    if provider == "openai":
        url = environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        return _endpoint("OpenAI", name, url, (Key.OPENAI,), environ, address="OPENAI_BASE_URL")
    if provider == "anthropic":
        url = environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com"
        return _endpoint("Anthropic", name, url, (Key.ANTHROPIC,), environ, address="ANTHROPIC_BASE_URL")
    if provider == "gemini":
        url = (environ.get("GOOGLE_GEMINI_BASE_URL") or _GEMINI_ROOT).rstrip("/") + "/v1beta/openai/"
        keys = (Key.GEMINI, "GOOGLE_API_KEY")
        return _endpoint("Gemini", name, url, keys, environ, address="GOOGLE_GEMINI_BASE_URL")
    if provider == "azure":
        url = environ.get("AZURE_OPENAI_ENDPOINT", "")
        if not url:
            hint = "Set AZURE_OPENAI_ENDPOINT, for example to https://my-resource.openai.azure.com."
            raise BadInput("The address of Azure OpenAI is not known.", hint)
        return _endpoint("Azure OpenAI", name, url, (Key.AZURE,), environ, address="AZURE_OPENAI_ENDPOINT")
    if provider == "ollama":
        hints = {"unknown": f"Run: ollama pull {name}", "down": "Run: ollama serve"}
        url = _ollama_url(environ)
        return _endpoint("Ollama", name, url, (), environ, needed=False, address="OLLAMA_HOST", **hints)
    url = base_url or environ.get("CODETEAM_BASE_URL", "")
    address = "the base URL (--base-url, codeteam.baseUrl or CODETEAM_BASE_URL)"
    if not url:
        raise BadInput(f"compatible/{name} needs the address of its server.", f"Set {address}.")
    hint = "Check the name and the base URL."
    # Only here: the key of one's own server is no other provider's business, even where that one's key is missing.
    return _endpoint("The model server", name, url, (Key.OWN,), environ, address=address, needed=False, unknown=hint)


def _endpoint(
    label: str,
    name: str,
    url: str,
    variables: tuple[str, ...],
    environ: Mapping[str, str],
    *,
    address: str,
    needed: bool = True,
    unknown: str = "",
    down: str = "",
) -> Endpoint:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # half an address in brackets, a port that is none
        parts, port = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInput(f"The address of {label} is not an http(s) URL.", f"Check {address}.")
    key = next((value for v in variables if (value := environ.get(v, "").strip())), "")
    wanted = " or ".join(variables)
    if not key and needed:
        raise MissingKey(label, wanted, Key(variables[0]))
    if not (key.isascii() and key.isprintable()):
        raise ModelUnavailable(f"The key for {label} has characters that no key has.", f"Check {wanted}.", "model_auth")
    texts = {"unknown_hint": unknown, "down_hint": down}
    provider = Provider(
        label,
        name,
        wanted,
        address=f"{parts.scheme}://{f'[{parts.hostname}]' if ':' in parts.hostname else parts.hostname}{port}",
        secrets=(key, parts.password or ""),
        **{k: v for k, v in texts.items() if v},
    )
    silence = environ.get("CODETEAM_MODEL_TIMEOUT", "")
    try:
        seconds = float(silence) if silence else 300.0 if needed else 600.0
    except ValueError:
        raise BadInput("CODETEAM_MODEL_TIMEOUT is not a number of seconds.") from None
    return Endpoint(provider, url, key, seconds)


def _ollama_url(environ: Mapping[str, str]) -> str:
    host = environ.get("OLLAMA_HOST", "").strip() or "127.0.0.1:11434"
    if "://" not in host:
        host = f"http://{host}"
    try:
        parts, port = urlsplit(host), urlsplit(host).port
    except ValueError:  # what is no address is said to be none, as of the other providers
        return host
    # The variable also tells the server where to listen; "everywhere" is this machine for a client.
    name = "127.0.0.1" if parts.hostname in {None, "0.0.0.0", "::"} else parts.hostname  # noqa: S104 - not bound
    default = {"http": 11434, "https": 443}.get(parts.scheme, 11434)
    return f"{parts.scheme}://{name}:{port or default}{parts.path.rstrip('/')}/v1"
