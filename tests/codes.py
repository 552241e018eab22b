"""The codes that the source can say, read from its syntax: ids of checks, and codes of errors."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KIT = Path(__file__).parent.parent / "ci_kit"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# What syntax alone can't follow: (module, expression) → the ids that it can be.
TOLD = {
    ("drift.checks", "identity"): ("nulls/", "data/", "prediction/"),  # `Moved.family` is one of the last two
}


@dataclass(frozen=True)
class Module:
    """One file: its dotted name below `ci_kit`, and its syntax."""

    name: str
    tree: ast.Module
    text: str


@cache
def modules() -> tuple[Module, ...]:
    return tuple(
        Module(".".join(path.relative_to(KIT).with_suffix("").parts).removesuffix(".__init__"), ast.parse(text), text)
        for path in sorted(KIT.rglob("*.py"))
        if (text := path.read_text())
    )


def _called(node: ast.AST) -> str:
    target = node.func if isinstance(node, ast.Call) else None
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def errors() -> Iterator[tuple[str, int, str]]:
    """Yield (module, line, its own code, or that of its class, or '') of each error that is made."""
    for name, code, home in _classes():
        for module, _, node in _calls().get(name, ()):
            if _is_ours(module, name, home):
                given = [one.value for one in node.keywords if one.arg == "code"]
                assert all(isinstance(one, ast.Constant) for one in given), f"{module.name}:{node.lineno}"
                yield module.name, node.lineno, str(ast.literal_eval(given[0])) if given else code


@cache
def _classes() -> tuple[tuple[str, str, str], ...]:
    """Return name, code and module of each class of errors; a code that a class lacks is that of its base."""
    found = {"CiKitError": ("CiKitError", "", "errors")}
    for module in sorted(modules(), key=lambda one: one.name != "errors"):
        for node in ast.walk(module.tree):
            base = next((one.id for one in getattr(node, "bases", ()) if isinstance(one, ast.Name)), "")
            if isinstance(node, ast.ClassDef) and base in found:
                codes = [one.value for one in node.body if isinstance(one, ast.Assign) and _is(one.targets[0], "code")]
                found[node.name] = (node.name, ast.literal_eval(codes[0]) if codes else found[base][1], module.name)
    return tuple(found.values())


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


@cache
def _is_ours(module: Module, name: str, home: str) -> bool:
    """Say whether a module means our error by that name: it makes it there, imports it, or names it in full."""
    meant = rf"from ci_kit\.{home} import .*\b{name}\b|\berrors\.{name}\b"
    text = re.sub(r"\((\n[^()]*)\)", lambda names: " ".join(names[1].split()), module.text)  # an import of many lines
    return home == module.name or bool(re.search(meant, text))


def checks() -> Iterator[tuple[str, int, str]]:
    """Yield (module, line, id) of each check that is made; of an id with open parts what stands before the first."""
    for module, function, node in _calls().get("Check", ()):
        if isinstance(node.func, ast.Name):  # Pandera has a Check of its own, which is always written `pa.Check`
            for found in _ids(_keyword(node, "id"), module, function):
                yield module.name, node.lineno, found


def titles() -> Iterator[tuple[str, str, str]]:
    """Yield (module, id, pattern of its title) of each check that is made."""
    for module, function, node in _calls().get("Check", ()):
        if isinstance(node.func, ast.Name):
            patterns = [*_patterns(_keyword(node, "title"), module, function)]
            for found in _ids(_keyword(node, "id"), module, function):
                yield from ((module.name, found, pattern) for pattern in patterns)


def messages() -> Iterator[tuple[str, str, str]]:
    """Yield (module, its own code or that of its class or '', pattern of what it says) of each error that is made."""
    for name, code, home in _classes():
        for module, function, node in _calls().get(name, ()):
            if _is_ours(module, name, home):
                given = [str(ast.literal_eval(one.value)) for one in node.keywords if one.arg == "code"]
                for pattern in _patterns(node.args[name == "Refused"], module, function):
                    yield module.name, given[0] if given else code, pattern


def _keyword(node: ast.Call, name: str) -> ast.expr:
    (value,) = [one.value for one in node.keywords if one.arg == name]
    return value


@cache
def _calls() -> dict[str, list[tuple[Module, ast.AST | None, ast.Call]]]:
    """Return each call by what is called, with the module and the function that it stands in."""
    found: dict[str, list[tuple[Module, ast.AST | None, ast.Call]]] = {}
    for module in modules():
        for function in [None, *(node for node in ast.walk(module.tree) if isinstance(node, FUNCTIONS))]:
            for node in _own(function or module.tree):
                if isinstance(node, ast.Call):
                    found.setdefault(_called(node), []).append((module, function, node))
    return found


@cache
def _homes() -> dict[ast.AST, Module]:
    """Return the module of each function."""
    return {node: module for module in modules() for node in ast.walk(module.tree) if isinstance(node, FUNCTIONS)}


@cache
def _own(scope: ast.AST) -> tuple[ast.AST, ...]:
    """Return what belongs to a function, or to a module outside of its functions."""
    children = [child for child in ast.iter_child_nodes(scope) if not isinstance(child, FUNCTIONS)]
    return tuple(node for child in children for node in (child, *_own(child)))


def _ids(value: ast.expr, module: Module, function: ast.AST | None) -> Iterator[str]:
    """Yield what an id can be: a text, or the beginning of one that ends at a '/'."""
    for one, place, caller in _meant(value, module, function):
        told = TOLD.get((place.name, ast.unparse(one)))
        if told is not None:
            yield from told
        elif isinstance(one, ast.Constant):
            yield str(one.value)
        elif isinstance(one, ast.JoinedStr):
            first = one.values[0]
            assert isinstance(first, ast.Constant), f"{place.name}:{one.lineno}: what does this id begin with?"
            if str(first.value).endswith("/"):
                yield str(first.value)
            else:  # a word that is composed, such as preflight/gpu-{word}
                (_, rest) = one.values
                assert isinstance(rest, ast.FormattedValue)
                yield from (f"{first.value!s}{end}" for end in _ids(rest.value, place, caller))
        elif isinstance(one, ast.Call) and ast.unparse(one.func) == "'/'.join":
            (parts,) = one.args
            assert isinstance(parts, ast.Tuple)
            yield f"{ast.literal_eval(parts.elts[0])}/"
        else:
            raise AssertionError(f"{place.name}:{one.lineno}: what is {ast.unparse(one)}?")


def _patterns(value: ast.expr, module: Module, function: ast.AST | None) -> Iterator[str]:
    """Yield what a text can be, as patterns with `.*` for what is open in it; nothing where all of it is."""
    for one, place, caller in _meant(value, module, function):
        if isinstance(one, ast.Constant):
            yield re.escape(str(one.value))
        elif isinstance(one, ast.JoinedStr):
            yield "".join(_part(part) for part in one.values)
        elif isinstance(one, ast.IfExp):
            yield from (*_patterns(one.body, place, caller), *_patterns(one.orelse, place, caller))
        elif isinstance(one, ast.BinOp):
            yield from (f"{first}.*" for first in _patterns(one.left, place, caller))
        elif isinstance(one, ast.BoolOp | ast.Call):
            inside = one.values if isinstance(one, ast.BoolOp) else [getattr(one.func, "value", one.func)]
            yield from (pattern for part in inside if part is not one for pattern in _patterns(part, place, caller))
        elif isinstance(one, ast.Subscript):  # a table of texts
            for table, _, _ in _meant(one.value, place, caller):
                for each in table.values if isinstance(table, ast.Dict) else ():
                    yield from _patterns(each, place, caller)


def _part(part: ast.expr) -> str:
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(value, ast.IfExp):
        return f"(?:{'|'.join(_part(one) for one in (value.body, value.orelse))})"
    return re.escape(str(value.value)) if isinstance(value, ast.Constant) else ".*"


Meant = tuple[ast.expr, Module, ast.AST | None]


def _meant(value: ast.expr, module: Module, function: ast.AST | None) -> Iterator[Meant]:
    """Yield the expressions that a name stands for, each with its module and function; any other one is itself."""
    if not isinstance(value, ast.Name) or (module.name, value.id) in TOLD:
        yield value, module, function
        return
    found = [*_variable(value.id, module, function)] or [*_parameter(value.id, function)] or [*_constant(value.id)]
    for one, place, caller in found:
        yield from _meant(one, place, caller)


def _variable(name: str, module: Module, function: ast.AST | None) -> Iterator[Meant]:
    for node in _own(function or module.tree):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            if _is(target, name):
                yield value, module, function
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = zip(target.elts, value.elts, strict=True)
                yield from ((its, module, function) for one, its in pairs if _is(one, name))


def _parameter(name: str, function: ast.AST | None) -> Iterator[Meant]:
    """Yield what all callers of a function by that name hand over, and its default."""
    if not isinstance(function, FUNCTIONS):
        return
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    if name not in names:
        return
    place = names.index(name) - (names[0] == "self")
    defaults = dict(zip(reversed(names), reversed(function.args.defaults), strict=False))
    here = _homes()[function]
    if name in defaults:
        yield defaults[name], here, None
    for module, caller, node in _calls().get(function.name, ()):
        if _reaches(module, here, function.name):
            given = [one.value for one in node.keywords if one.arg == name] or node.args[place : place + 1]
            yield from ((one, module, caller) for one in given)


def _reaches(module: Module, here: Module, name: str) -> bool:
    """Say whether that name means the function of `here` in this module: it is its own, or is imported from there."""
    if module is here:
        return True
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported = {one.name for one in node.names}
            package, _, stem = f"ci_kit.{here.name}".rpartition(".")
            if (node.module == f"ci_kit.{here.name}" and name in imported) or (
                node.module == package and stem in imported
            ):
                return True
    return False


def _constant(name: str) -> Iterator[Meant]:
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and _is(node.targets[0], name):
                yield node.value, module, None
