"""The account of a recording: what was worn, what could be read of it, and what was found, in a few lines."""

from wearecg.account.account import Account, StreamAccount

__all__ = ["Account", "StreamAccount"]
