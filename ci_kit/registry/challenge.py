"""What a registry asks for before it answers: a password, or a token that somebody else gives for it."""

import json
import re

import httpx

from ci_kit.errors import UserError
from ci_kit.forge.transfer import whole
from ci_kit.registry.credentials import LOCAL, Login

MAX_BYTES = 2**20  # of the answer with a token
_PART = re.compile(r'(\w+)="([^"]*)"')


def answer_to(http: httpx.Client, scope: str, login: Login | None, challenge: httpx.Response) -> str:
    """Return the Authorization header that a 401 asks for, an empty text where we have none to give.

    `scope` is what a token must be good for; who has no login asks for one that everybody gets. Raises UserError when
    the password would have to go somewhere without TLS.
    """
    kind, _, rest = challenge.headers.get("www-authenticate", "").partition(" ")
    if kind.lower() == "basic":
        return login.basic if login else ""
    parts = dict(_PART.findall(rest))
    if kind.lower() != "bearer" or "realm" not in parts:
        return ""
    query = {"service": parts.get("service", ""), "scope": scope}
    try:
        url = httpx.URL(parts["realm"]).copy_merge_params(query)
    except (httpx.InvalidURL, ValueError):
        return ""
    here = challenge.url.scheme == "http" and url.host in LOCAL
    if not (url.scheme == "https" or (url.scheme == "http" and here)) or (url.port or 0) > 65535:
        why = f"it wants us to log in at {url.scheme[:20]}://{url.host[:100]}"
        raise UserError(f"{challenge.url.host} can't be used", why=why, hint="A password goes to https addresses only")
    with http.stream("GET", url, headers={"Authorization": login.basic} if login else {}) as coming:
        given = whole(coming, MAX_BYTES)
    if given.status_code >= 500 or given.status_code == 429:
        raise httpx.RemoteProtocolError(f"{url.host} answered with status {given.status_code}")  # it may pass
    return _token(given) if given.is_success else ""


def _token(given: httpx.Response) -> str:
    try:
        document = json.loads(given.content)
    except (ValueError, RecursionError):
        return ""
    found = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else ""
    plain = isinstance(found, str) and found.isascii() and found.isprintable() and " " not in found
    return f"Bearer {found}" if plain and found else ""
