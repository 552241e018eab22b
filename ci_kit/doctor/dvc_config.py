"""The configuration of DVC, read without DVC: remotes, options and the cache."""

import configparser
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_REMOTE = re.compile(r"""'?remote ["'](?P<name>.+?)["']'?""")
_KIND = re.compile(r"^([a-z0-9+]+)://")
_ALIASES = {"gcs": "gs", "abfs": "azure", "abfss": "azure", "https": "http", "webdavs": "webdav"}
Sections = dict[str, dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One remote: its name, URL and options; `home` is the folder that a relative URL starts from."""

    name: str
    options: Mapping[str, str]
    home: Path

    @property
    def url(self) -> str:
        """Where it is."""
        return self.options.get("url", "")

    @property
    def kind(self) -> str:
        """`local`, or the name of the extra of DVC that it needs, such as `s3`."""
        match = _KIND.match(self.url)
        return _ALIASES.get(match[1], match[1]) if match else "local"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All levels together, the nearest wins; `committed` is what stands in the file that git has."""

    home: Path
    sections: Sections
    committed: Sections

    def option(self, section: str, name: str) -> str:
        """Return one option, empty where it is not set."""
        return self.sections.get(section, {}).get(name, "")

    @property
    def remotes(self) -> dict[str, Remote]:
        """The remotes by name."""
        found = {match["name"]: section for section in self.sections if (match := _REMOTE.fullmatch(section))}
        return {
            name: Remote(name=name, options=self.sections[section], home=self.home) for name, section in found.items()
        }

    @property
    def remote(self) -> Remote | None:
        """The default remote."""
        return self.remotes.get(self.option("core", "remote"))

    @property
    def cache(self) -> Path:
        """The folder of the cache."""
        return (self.home / (self.option("cache", "dir") or "cache")).absolute()


def settings(home: Path, env: Mapping[str, str]) -> Settings:
    """Read the user's file, the repository's and the local one; what can't be read says nothing."""
    own = Path(env.get("DVC_GLOBAL_CONFIG_DIR") or Path(env.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "dvc")
    committed = _read(home / "config")
    together: Sections = {}
    for level in (_read(own / "config"), committed, _read(home / "config.local")):
        for section, options in level.items():
            together[section] = together.get(section, {}) | options
    return Settings(home=home, sections=together, committed=committed)


def _read(path: Path) -> Sections:
    parser = configparser.ConfigParser(strict=False, interpolation=None, default_section="\0")
    with contextlib.suppress(OSError, ValueError, configparser.Error):
        parser.read_string(path.read_text("utf-8"))
    return {section: dict(parser.items(section)) for section in parser.sections()}
