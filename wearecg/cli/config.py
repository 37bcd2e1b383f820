"""A verb's options as a TOML file: the same names without the dashes, the same meaning, the same checks.

What may be in the file is read off the verb's argument parser, so that the two cannot drift apart. What is given on the
command line stands in the place of what the file says.
"""

from __future__ import annotations

import argparse
import difflib
import tomllib
from pathlib import Path
from typing import Any

from wearecg.cli.arguments import positive
from wearecg.errors import ConfigError

OPTION = "--config"


def add_option(parser: argparse.ArgumentParser) -> None:
    """Declare ``--config`` as the last option of ``parser``; `settle` then turns its results into the final ones."""
    parser.add_argument(
        OPTION, type=Path, metavar="FILE", help="TOML file with these options; the command line overrides it"
    )
    defaults = {action.dest: action.default for action in _options(parser)}
    for action in _options(parser):
        # What was not typed is then absent, and can be told from what was typed and happens to be the default.
        action.default = argparse.SUPPRESS
    parser.set_defaults(parser=parser, defaults=defaults)


def settle(args: argparse.Namespace) -> argparse.Namespace:
    """Return ``args`` with what was not typed taken from the file, and what is in neither from the defaults.

    Raises
    ------
    ConfigError
        The file cannot be read, or something in it is not an option or not a value of its kind; with file and line.
    """
    typed = vars(args)
    path = typed.get("config")
    written = read(path, args.parser, args.defaults) if path else {}
    for group in args.parser._mutually_exclusive_groups:
        # --ble on the command line takes the place of port in the file, too.
        members = {action.dest for action in group._group_actions}
        if members & typed.keys():
            written = {dest: value for dest, value in written.items() if dest not in members}
    return argparse.Namespace(**{**args.defaults, **written, **typed})


def read(path: Path, parser: argparse.ArgumentParser, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the options in the file by their names in the program. Raises `ConfigError`, see `settle`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name an existing file with {OPTION}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}); save it as that") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what = str(error).partition(" (at ")[0]
        raise ConfigError(
            f"{path}, line {line_of(text)}: not TOML: {what}; a line is "
            'name = "text", name = 5, name = true, or name = ["a", "b"]'
        ) from error
    known = {_name(action): action for action in _options(parser) if action.dest != "config"}
    values: dict[str, Any] = {}
    for key, value in content.items():
        where = f"{path}, line {line_of(text, key)}"
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
            raise ConfigError(f"{where}: there is no option {key!r}; {hint}")
        values[known[key].dest] = _value(known[key], value, defaults[known[key].dest], f"{where}: {key}")
    for group in parser._mutually_exclusive_groups:
        both = [_name(action) for action in group._group_actions if action.dest in values]
        if len(both) > 1:
            line = line_of(text, both[1])
            raise ConfigError(
                f"{path}, line {line}: {both[0]} and {both[1]} exclude each other; take one out"
            )
    return values


def line_of(text: str, key: str | None = None) -> int:
    """Return the line (from 1) on which the statement of the top-level ``key`` begins, or the first that is wrong.

    The parser does not say. But TOML that is cut behind a line is valid only where a statement has ended there, so
    the one that is looked for begins behind the last such line at which the key was not there yet.
    """
    lines = text.splitlines(keepends=True)
    begin = 0
    for n in range(1, len(lines) + 1):
        try:
            content = tomllib.loads("".join(lines[:n]))
        except tomllib.TOMLDecodeError:
            continue
        if key is not None and key in content:
            break
        begin = n
    return begin + 1


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.dest != "help"]


def _name(action: argparse.Action) -> str:
    return action.option_strings[-1].lstrip("-") if action.option_strings else action.dest


def _value(action: argparse.Action, value: object, default: object, where: str) -> Any:
    """Convert and check a value as the command line would, after its kind."""
    if action.nargs == 0:
        kind, example, fits = "true or false", "true", isinstance(value, bool)
    elif isinstance(default, list):
        kind, example = "a list of texts", '["a", "b"]'
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    elif action.type is int:
        kind, example, fits = "a whole number", "5", isinstance(value, int) and not isinstance(value, bool)
    elif action.type is positive:
        kind, example = "a number", "0.5"
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        kind, example, fits = "a text", '"..."', isinstance(value, str)
    if not fits:
        raise ConfigError(f"{where} is {_toml(value)}, but it must be {kind}, like {example}")
    if action.nargs == 0 or (isinstance(default, list) and action.type is None):
        return value
    typed = ",".join(value) if isinstance(value, list) else str(value)
    try:
        result = action.type(typed) if callable(action.type) else typed
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error
    if action.choices is not None and result not in action.choices:
        raise ConfigError(f"{where} is {_toml(value)}; it may be {', '.join(map(str, action.choices))}")
    return result


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
