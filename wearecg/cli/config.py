"""Options from a TOML file: the same names without the dashes, the same meaning, the same checks.

The command line overrides the file.
"""

from __future__ import annotations

import argparse
import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from wearecg.cli.options import FLAG, Option, Options, UsageError, declared
from wearecg.errors import ConfigError

CONFIG = "--config"

T = TypeVar("T", bound=Options)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare ``--config``."""
    parser.add_argument(
        CONFIG, type=Path, metavar="FILE", help="TOML file with these options; the command line overrides it"
    )


def settle(args: argparse.Namespace, options: type[T]) -> T:
    """Return the options of ``args``: from the command line, else from the file, else the default.

    Options that do not go together end the program as a usage error.

    Raises
    ------
    ConfigError
        The file cannot be read, or it has an unknown option or a value of the wrong type; with file and line.
    """
    parser: argparse.ArgumentParser = args.parser
    known = declared(options)
    typed = {
        name: tuple(value) if known[name].repeatable else value
        for name, value in vars(args).items()
        if name in known
    }
    path: Path | None = vars(args).get("config")
    written = read_toml(path, options) if path else {}
    # --ble on the command line replaces port in the file, too.
    taken = {known[name].group for name in typed} - {None}
    kept = {name: value for name, value in written.items() if known[name].group not in taken}
    try:
        return options(**{**kept, **typed})
    except UsageError as error:
        parser.error(str(error))


def read_toml(path: Path, options: type[Options]) -> dict[str, Any]:
    """Return the values of a file by field name. Raises `ConfigError`, see `settle`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name an existing file with {CONFIG}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what = str(error).partition(" (at ")[0]
        raise ConfigError(
            f"{path}, line {line_of(text)}: not TOML: {what}; a line is "
            'name = "text", name = 5, name = true, or name = ["a", "b"]'
        ) from error
    known = {one.key: (name, one) for name, one in declared(options).items()}
    values: dict[str, Any] = {}
    given: dict[str, str] = {}
    for key, value in content.items():
        where = f"{path}, line {line_of(text, key)}"
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
            raise ConfigError(f"{where}: there is no option {key!r}; {hint}")
        name, one = known[key]
        values[name] = _converted(one, value, f"{where}: {key}")
        if one.group and one.group in given:
            raise ConfigError(f"{where}: {given[one.group]} and {key} exclude each other; take one out")
        if one.group:
            given[one.group] = key
    return values


def line_of(text: str, key: str | None = None) -> int:
    """Return the line (from 1) on which the top-level ``key`` is given, or the first that is wrong.

    The parser does not say. But TOML that is cut after a line is valid only if a statement ends there, so the one
    looked for begins after the last such line without the key.
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


def _converted(option: Option, value: Any, where: str) -> Any:
    """Check a value and convert it as on the command line."""
    kind = option.kind
    if not kind.fits(value):
        raise ConfigError(f"{where} is {_toml(value)}, but it must be {kind.name}, like {kind.example}")
    if kind is FLAG:
        return value
    try:
        if option.repeatable:
            return tuple(map(option.parse, [value] if isinstance(value, str) else value))
        if isinstance(value, list):
            return option.parse(",".join(value)) if value else ()
        result = option.parse(str(value))
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error
    if option.choices and result not in option.choices:
        raise ConfigError(f"{where} is {_toml(value)}; it may be {', '.join(option.choices)}")
    return result


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
