"""What stands in a cluster, as the object there says it, and what it can go back to."""

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ci_kit.deploy import render
from ci_kit.deploy.dump import Document
from ci_kit.errors import UserError

_OTHERS = "kubectl.kubernetes.io/last-applied-configuration"


class Mark(BaseModel):
    """A version that a cluster can go back to: by the number of its revision, or by its whole manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(pattern=r"^v\d+\.\d+\.\d+$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    revision: str | None = Field(None, pattern=r"^\d{1,18}$")
    manifest: dict[str, Any] | None = None

    def bare(self) -> Document:
        """Return it as an annotation holds it, without what was before it in turn."""
        made = self.model_dump(exclude_none=True)
        if self.manifest:
            annotations = self.manifest["metadata"].get("annotations", {})
            kept = {name: value for name, value in annotations.items() if name != render.BEFORE}
            made["manifest"] = self.manifest | {"metadata": self.manifest["metadata"] | {"annotations": kept}}
        return made


class Standing(BaseModel):
    """What stands in a cluster; `settled` once it has changed over to it, `before` what was kept before it."""

    model_config = ConfigDict(frozen=True)

    model: str
    mark: Mark
    before: Mark | None
    settled: bool
    pods: int

    @property
    def kept(self) -> Mark:
        """What to go back to when a change fails."""
        return self.mark if self.settled or self.before is None else self.before

    @classmethod
    def read(cls, found: Document, facts: dict[str, str], **more: Any) -> Self:
        """Read it from an object of ours; raise UserError for one that somebody else made."""
        kind, metadata = found["kind"], found["metadata"]
        if (metadata.get("labels") or {}).get(render.MANAGED) != "ci-kit":
            why = "ci-kit did not make it"
            raise UserError(f"there is another {kind} {metadata['name']}", why=why, hint="Rename the target")
        try:
            known = {"version": facts.get(render.VERSION), "digest": facts.get(render.DIGEST)}
            mark = Mark.model_validate(known | more.pop("way"))
            raw = (metadata.get("annotations") or {}).get(render.BEFORE)
            before = Mark.model_validate_json(raw) if raw else None
        except ValidationError as error:
            why = f"its annotations: {error.errors(include_url=False)[0]['msg']}"
            raise UserError(f"the {kind} {metadata['name']} can't be read", why=why) from error
        return cls(model=str(facts.get(render.MODEL)), mark=mark, before=before, **more)


def clean(found: Document) -> Document:
    """Return an object as one would write it: without what the cluster keeps about it."""
    metadata = {key: found["metadata"][key] for key in ("name", "namespace", "labels") if key in found["metadata"]}
    annotations = found["metadata"].get("annotations") or {}
    metadata["annotations"] = {name: value for name, value in annotations.items() if name != _OTHERS}
    made = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": metadata, "spec": found["spec"]}
    return dict(json.loads(json.dumps(made)))
