"""YAML that every reader takes for the same: by PyYAML's safe dumper, with texts quoted that others read as more."""

import re
from typing import Any

import yaml

Document = dict[str, Any]
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]+")


class _Dumper(yaml.SafeDumper):
    """To PyYAML `12345678e1234567` is a text and to Go's readers a number, so what is no plain word is quoted."""

    def ignore_aliases(self, _: Any) -> bool:
        """Write each value where it stands."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None if _PLAIN.fullmatch(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump(*documents: Document) -> str:
    """Return the documents as one YAML stream, their keys in the order that they have."""
    return yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        explicit_start=len(documents) > 1,
        width=2**20,
    )
