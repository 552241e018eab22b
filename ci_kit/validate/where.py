"""Where in the user's file a rule stands, so that a finding lands on its line."""

import ast
from pathlib import Path

from ci_kit.result import Location


class Where:
    """The lines of one schema, found by reading its file and not by running it."""

    def __init__(self, reference: str, root: Path) -> None:
        """Parse the file of `path.py:Name`; a file that can't be parsed gives line 1."""
        file, _, self._name = reference.rpartition(":")
        path = (root / file).resolve()
        inside = path.is_relative_to(root.resolve())
        self._file = path.relative_to(root.resolve()).as_posix() if inside else Path(file).as_posix()
        try:
            self._tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            self._tree = ast.Module([], [])
        self._lines: dict[tuple[str | None, str], int] = {}

    def __call__(self, column: str | None = None, rule: str = "") -> Location:
        """Return the line of the check function `rule`, else of the column, else of the schema itself."""
        if (column, rule) not in self._lines:
            self._lines[column, rule] = self._find(column, rule)
        return Location(file=self._file, line=self._lines[column, rule])

    def _find(self, column: str | None, rule: str) -> int:
        places = self._places(self._name)
        for place in places:
            for node in ast.walk(place):
                if rule and isinstance(node, ast.FunctionDef) and node.name == rule:
                    return node.lineno
        trees: list[ast.AST] = [*places, self._tree]
        for tree in trees if column else ():
            for node in ast.walk(tree):
                if line := _column(node, column or ""):
                    return line
        return places[0].lineno if places else 1

    def _places(self, name: str, depth: int = 0) -> list[ast.stmt]:
        """Return the statement that defines the name, then those of its base classes in the same file."""
        for node in self._tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)] if depth < 10 else []
                return [node, *(place for base in bases for place in self._places(base, depth + 1))]
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return [node]
        return []


def _column(node: ast.AST, column: str) -> int | None:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        alias = next((one.value for one in _keywords(node.value) if one.arg == "alias"), None)
        name = alias.value if isinstance(alias, ast.Constant) else node.target.id
        return node.lineno if name == column else None
    if isinstance(node, ast.Dict):
        for key in node.keys:
            if isinstance(key, ast.Constant) and key.value == column:
                return key.lineno
    return None


def _keywords(value: ast.expr | None) -> list[ast.keyword]:
    return value.keywords if isinstance(value, ast.Call) else []
