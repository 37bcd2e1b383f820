"""How WFDB's annotations are told in formats whose annotations are texts, as EDF+, and read again.

A beat is an ``R-wave``, the word of the EDF+ specification, with its class behind it where it has one (``R-wave V``). A
comment is its own text. Of other annotations the text says what they are: ``quality: II lead off``, ``rhythm: (AFIB``.
"""

from __future__ import annotations

from wearecg.formats.recording import BEAT_SYMBOLS

BEAT = "R-wave"
UNCLASSIFIED = "Q"
_WORDS = {"~": "quality", "+": "rhythm"}
_SYMBOLS = {word: symbol for symbol, word in _WORDS.items()}


def text_of(symbol: str, note: str) -> str:
    """Return the text of an annotation.

    >>> text_of("Q", ""), text_of("V", "late"), text_of("+", "(AFIB"), text_of('"', "AFIB ends"), text_of("|", "")
    ('R-wave', 'R-wave V late', 'rhythm: (AFIB', 'AFIB ends', 'annotation |:')
    """
    if symbol in BEAT_SYMBOLS:
        kind = BEAT if symbol == UNCLASSIFIED else f"{BEAT} {symbol}"
        return f"{kind} {note}".rstrip()
    if symbol == '"':
        return note
    return f"{_WORDS.get(symbol, f'annotation {symbol}')}: {note}".rstrip()


def of_text(text: str) -> tuple[str, str]:
    """Return symbol and note of a text.

    >>> [of_text(text) for text in ("R-wave", "R-wave V late", "R-wave RR unknown", "rhythm: (AFIB", "annotation |:")]
    [('Q', ''), ('V', 'late'), ('Q', 'RR unknown'), ('+', '(AFIB'), ('|', '')]
    >>> of_text("AFIB ends")
    ('"', 'AFIB ends')
    """
    if text == BEAT or text.startswith(f"{BEAT} "):
        kind, _, note = text[len(BEAT) + 1 :].partition(" ")
        if len(kind) == 1 and kind in BEAT_SYMBOLS:
            return kind, note
        return UNCLASSIFIED, f"{kind} {note}".rstrip()
    word, colon, note = text.partition(":")
    if colon and word in _SYMBOLS:
        return _SYMBOLS[word], note.lstrip()
    if colon and len(word) == 12 and word.startswith("annotation "):
        return word[-1], note.lstrip()
    return '"', text
