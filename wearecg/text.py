"""Text from outside (sensors, recordings, USB, Bluetooth), made fit for a terminal, a journal, a page and a file."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Return ``text`` with whatever does not print written out.

    Control characters, line ends, marks that turn the direction of writing, and blanks other than the usual one come
    back as Python writes them. A text that is visible already comes back as it is.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> print(visible("Polar H10\x1b[2J\nII\u202e"))
    Polar H10\x1b[2J\nII\u202e
    >>> visible("Brustgurt für Zoë")
    'Brustgurt für Zoë'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


LONGEST = 200


def one_line(said: object) -> str:
    r"""Return what a package says, in one line of at most `LONGEST` characters that all print: some quote the file.

    Examples
    --------
    >>> one_line(ValueError("no number:\n  'x'")), len(one_line("x" * 100_000))
    ("no number: 'x'", 200)
    """
    line = visible(" ".join(str(said)[: 4 * LONGEST].split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
