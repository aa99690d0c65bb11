"""Which files look as if they held secrets: they are never put before a model, whatever imports them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

_NAMES = (
    ".env*", "*.env", ".envrc", "*.pem", "*.key", "*.p12", "*.pfx", "*.pkcs12", "*.jks", "*.keystore", "*.kdbx",
    "*.ppk", "*.gpg", "*.asc", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "credentials*", "*.credentials",
    "client_secret*.json", "service-account*.json", "service_account*.json", "secrets.json", "secrets.toml",
    "secrets.y*ml", "secrets.ini", ".netrc", "_netrc", ".pypirc", ".npmrc", ".yarnrc*", ".pgpass", ".my.cnf",
    ".git-credentials", ".htpasswd", ".dockercfg", ".dockerconfigjson", "*.tfstate", "*.tfstate.*", "*.tfvars",
    "*.ovpn",
)  # fmt: skip
_CODE = (
    ".py", ".pyi", ".pyw", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".java", ".kt", ".scala", ".c", ".h", ".cc",
    ".cpp", ".hpp", ".cs", ".go", ".rs", ".rb", ".swift", ".dart",
)  # fmt: skip
"""Endings of programs: `credentials.py` is a module; should it hold a key, its content tells."""
_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".gcloud", "secrets"})
_CONTENT = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}"
    r"|\bgithub_pat_[A-Za-z0-9_]{50}"
    r"|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{24}"
    r"|\b[rs]k_live_[A-Za-z0-9]{20}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{20}"
    r"|\bAIza[0-9A-Za-z_-]{35}"
    r"|\bnpm_[A-Za-z0-9]{36}"
    r"|\bpypi-AgEI[A-Za-z0-9_-]{40}"
    r"|\bhf_[A-Za-z0-9]{34}"
    r"|\bSG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{40}"
)


def secret_by_name(path: str) -> bool:
    """Whether a relative path is of a kind that usually holds keys, tokens or passwords."""
    *folders, name = path.lower().split("/")
    if any(folder in _FOLDERS for folder in folders):
        return True
    if name.endswith(_CODE) and not name.startswith("."):
        return False
    return any(fnmatchcase(name, pattern) for pattern in _NAMES)


def secret_by_content(text: str) -> bool:
    """Whether a text has a private key or a well-known kind of access token in it."""
    return _CONTENT.search(text) is not None
