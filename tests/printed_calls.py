"""Calls that pages, docstrings and messages print, and whether the door they name takes what they hand it."""

import ast
import inspect
import re
import typing

import relucvx

START = re.compile(r"(?<![\w./])(?:rx|relucvx)\.((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)\(")


def whole_texts(source):
    """Every string of a source; of an f-string the whole, with a name where it puts a value."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "_value" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def printed_calls(text):
    """``(dotted name, call)`` for every complete call of the package in a text; one that is cut short is no call."""
    for found in START.finditer(text):
        depth = 0
        for end in range(found.end() - 1, len(text)):
            depth += (text[end] in "([{") - (text[end] in ")]}")
            if depth == 0:
                break
        line = re.sub(r"\n\s*(?:\.\.\. |>>> )?", " ", text[found.start() : end + 1])
        try:
            node = ast.parse(line, mode="eval").body
        except SyntaxError:
            continue
        if isinstance(node, ast.Call):
            yield found[1], node


def refusal(name, call):
    """Why the door of that name does not take these arguments; None where it does, or where there is no such door."""
    door = relucvx
    for word in name.split("."):
        door = getattr(door, word, None)
    try:
        signature = inspect.signature(door)
    except (TypeError, ValueError):
        return None
    left_out = [a for a in call.args if isinstance(a, ast.Starred) or (isinstance(a, ast.Constant) and a.value is ...)]
    names = {keyword.arg for keyword in call.keywords} - {None}
    bind = signature.bind_partial if left_out or len(names) < len(call.keywords) else signature.bind
    try:
        bind(*[a for a in call.args if a not in left_out], **dict.fromkeys(names))
    except TypeError as error:
        return f"{ast.unparse(call)}: {error}"
    unknown = names - options(door, signature) if options(door, signature) else None
    return f"{ast.unparse(call)}: unknown {unknown}" if unknown else None


def options(door, signature):
    """Names that a door takes, where its ``**options`` are listed in a type; else none."""
    rest = [p for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD and "Unpack" in str(p.annotation)]
    if not rest:
        return set()
    hints = typing.get_type_hints(door.__init__ if inspect.isclass(door) else door, include_extras=True)
    return {*typing.get_args(hints[rest[0].name])[0].__annotations__, *signature.parameters}
