"""An OCI registry as a store: a bento is an artifact of one layer, known by the digest of its manifest."""

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from ci_kit import __version__
from ci_kit.authorities import authorities
from ci_kit.bento.archive import BYTES
from ci_kit.errors import UserError
from ci_kit.files import digest as sha256_of
from ci_kit.forge.transfer import STORING
from ci_kit.registry import credentials
from ci_kit.registry.challenge import answer_to
from ci_kit.registry.distribution import Registry, Sleep
from ci_kit.registry.landing import landing, save
from ci_kit.registry.stores import unknown

ARTIFACT = "application/vnd.ci-kit.bento.v1"
LAYER = f"{ARTIFACT}.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY, EMPTY_TYPE = b"{}", "application/vnd.oci.empty.v1+json"  # what the specification gives an artifact as config
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_ADDRESS = re.compile(
    rf"oci://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?P<port>:\d{{1,5}})?/(?P<path>{_NAME}(?:/{_NAME})*)"
)


class OCI:
    """The repository `oci://REGISTRY/REPOSITORY`; a place is `REPOSITORY@sha256:<digest of the manifest>`."""

    def __init__(
        self,
        address: str,
        env: Mapping[str, str] = os.environ,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        match = _ADDRESS.fullmatch(address) if len(address) <= 200 else None
        host, port = (match["host"], match["port"] or "") if match else ("", "")
        if not match or not ("." in host or port or host == "localhost") or int(port[1:] or 0) > 65535:
            hint = "Write oci://REGISTRY/REPOSITORY in lower case, without a tag: oci://ghcr.io/acme/models"
            raise UserError(f"{address[:200]!r} names no repository", why="`package.store`", hint=hint)
        self._host, self._repository = f"{host}{port}", match["path"]
        self._env, self._transport, self._sleep = env, transport, sleep

    def put(self, archive: Path, model: str, digest: str) -> str:
        """Upload the archive and its manifest, which has the tag `<model>-<digest>` for those who look by hand."""
        name = f"{model}-{digest[:16]}"
        layer = _descriptor(LAYER, sha256_of(archive), archive.stat().st_size)
        empty = _descriptor(EMPTY_TYPE, hashlib.sha256(EMPTY).hexdigest(), len(EMPTY))
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": empty,
            "layers": [layer | {"annotations": {"org.opencontainers.image.title": f"{name}.bento"}}],
        }
        content = json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode()
        known = f"sha256:{hashlib.sha256(content).hexdigest()}"
        with self._registry("pull,push") as registry:
            # A registry whose tags can't be changed refuses even the same manifest a second time.
            if registry.manifest(known, MANIFEST) != content:
                registry.upload(layer["digest"], archive)
                registry.upload(empty["digest"], EMPTY)
                registry.tag(name, content, MANIFEST)
        return f"{self._repository}@{known}"

    def get(self, place: str, target: Path) -> None:
        """Download the archive; manifest and layer must have their digests."""
        repository, _, digest = place.partition("@")
        if repository != self._repository or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise unknown(place, f"it is {self._repository} of {self._host}")
        with self._registry("pull") as registry:
            content = registry.manifest(digest, MANIFEST)
            if content is None:
                raise unknown(place, f"{self._host} has no such manifest")
            if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
                raise UserError(
                    f"{self._host} sent another manifest than {place}", hint="Do not use it", code="store/damaged"
                )
            layer, size = _layer(content, place)
            what = f"the bento can't be downloaded from {self._host}"
            with landing(target, what, layer.removeprefix("sha256:")) as file:
                if not registry.download(layer, lambda chunks: save(chunks, file, size)):
                    raise unknown(place, f"{self._host} has lost its layer")

    @contextlib.contextmanager
    def _registry(self, rights: str) -> Iterator[Registry]:
        login, scope = credentials.find(self._host, self._env), f"repository:{self._repository}:{rights}"
        headers, timeout = {"User-Agent": f"ci-kit/{__version__}"}, httpx.Timeout(30, connect=10, read=STORING)
        with httpx.Client(headers=headers, timeout=timeout, transport=self._transport, verify=authorities()) as http:
            log_in = partial(answer_to, http, scope, login)
            yield Registry(http, self._host, self._repository, log_in, sleep=self._sleep)


def _descriptor(kind: str, sha256: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{sha256}", "size": size}


def _layer(content: bytes, place: str) -> tuple[str, int]:
    """Return the digest and the size of the only layer; raise UserError for what is no bento of ours."""
    try:
        manifest = json.loads(content)
        (layer,) = manifest["layers"]
        digest, size, ours = layer["digest"], layer["size"], manifest["artifactType"] == ARTIFACT
        ours = ours and layer["mediaType"] == LAYER and isinstance(size, int) and 0 <= size <= BYTES
        if ours and re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            return digest, size
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(f"{place} is no bento", why="its manifest is damaged", code="store/damaged") from error
    raise UserError(f"{place} is no bento", why="its manifest is of something else", code="store/damaged")
