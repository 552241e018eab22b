"""What is known of a registered version: the file `registry/<model>/<version>.json` on the history branch."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.parts import Closed, Line, Name, Source
from ci_kit.registry.tags import Version, fetch, version_tag, versions
from ci_kit.result import MAX_BYTES, Result

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Archive(Closed):
    """The bento as one file: its digest, its size, and where the store keeps it."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]
    store: Name
    place: Line


class Release(Closed):
    """A version of a model: `digest` is the bento's, `model_sha256` that of the ONNX file as it was evaluated.

    `results` are those of `evaluate` and `package`; `signature` is a Sigstore bundle.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    model: Name
    version: Annotated[str, Field(pattern=r"^v\d+\.\d+\.\d+$")]
    digest: Sha256
    model_sha256: Sha256
    archive: Archive
    source: Source
    results: Annotated[tuple[Result, ...], Field(max_length=10)] = ()
    signature: dict[str, Any] | None = None
    created: Name
    kit: Name

    def result(self, step: str) -> Result | None:
        """Return the Result of a step."""
        return next((one for one in self.results if one.step == step), None)

    def dump(self) -> bytes:
        """Return the file's content."""
        return (self.model_dump_json(indent=1, exclude_none=True) + "\n").encode()


def path_of(model: str, version: str) -> str:
    """Return the file's path on the history branch."""
    return f"registry/{model}/{version}.json"


def read(git: Git, model: str, version: Version, commit: str) -> Release:
    """Return what is known of a version whose tag points to a commit; raise UserError when that is damaged."""
    name, path = version_tag(model, str(version)), path_of(model, str(version))
    size = git.read("cat-file", "-s", f"{commit}:{path}")
    if size is None or int(size) > MAX_BYTES:
        raise UserError(f"{name} can't be read", why=f"its tag points to a commit without {path}")
    try:
        found = Release.model_validate_json(git.run("cat-file", "blob", f"{commit}:{path}").stdout)
    except (ValidationError, ValueError) as error:
        why = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)[:100]
        raise UserError(f"{name} is damaged", why=why) from error
    if (found.model, found.version) != (model, str(version)):
        raise UserError(f"{name} is damaged", why=f"{path} speaks of {found.model}@{found.version}")
    return found


def find(git: Git, model: str, wanted: str | None) -> Release:
    """Return a version by its name, or the newest; raise UserError, naming those that there are, when it is unknown."""
    fetch(git, model)
    known = versions(git, model)
    if not known:
        hint = "Type: ci-kit package. In CI, check out with fetch-depth: 0"
        raise UserError(f"no version of {model} is registered", hint=hint, code="store/version")
    version = Version.parse(wanted) if wanted else list(known)[-1]
    if version is None or version not in known:
        newest = [str(one) for one in list(known)[-5:]]
        why = f"the newest {'is' if len(newest) == 1 else 'are'} {', '.join(newest)}"
        raise UserError(
            f"{model} has no version {wanted}", why=why, hint="Type: ci-kit package list", code="store/version"
        )
    return read(git, model, version, known[version])
