"""What each code means: that of a check (`gate/log_loss`) and that of an error (`config/unknown-key`)."""

import difflib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ci_kit.errors import UserError

PAGES = Path(__file__).parent / "pages"
_SECTION = re.compile(r"^## (\S+)\n\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Section:
    """What is known of a code; `title` is the first paragraph of `text`, which is Markdown, `page` the file's stem."""

    code: str
    page: str
    text: str

    @property
    def title(self) -> str:
        """The first paragraph on one line."""
        return " ".join(self.text.partition("\n\n")[0].split())


@cache
def sections() -> tuple[Section, ...]:
    """Return all of them, page by page, in the order of the pages."""
    return tuple(
        Section(code=code, page=path.stem, text=text.strip())
        for path in sorted(PAGES.glob("*.md"))
        for code, text in _SECTION.findall(path.read_text("utf-8"))
    )


def find(code: str) -> tuple[Section, ...]:
    """Return the sections of a code, or of the family that it belongs to: `gate/log_loss` is explained by `gate`.

    Several where steps mean different things by it. Raises UserError, with the nearest code, for an unknown one.
    """
    wanted = code.strip().strip("[]").strip("/")
    family = wanted
    while family:
        if found := tuple(one for one in sections() if one.code == family):
            return found
        family = family.rpartition("/")[0]
    known = [one.code for one in sections()]
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    close = close or [one for one in known if one.rpartition("/")[2] == wanted.rpartition("/")[2]]
    hint = f"Did you mean {close[0]!r}?" if close else "Type: ci-kit explain, which lists all codes"
    raise UserError(f"there is no code {wanted!r:.80}", hint=hint)


def family(code: str, page: str) -> str:
    """Return the code that explains a check of the step `page`, empty where none does."""
    known = {one.code for one in sections() if one.page in (page, "steps")}
    parts = code.split("/")
    return next((one for end in range(len(parts), 0, -1) if (one := "/".join(parts[:end])) in known), "")
