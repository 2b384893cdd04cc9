"""What may be wrong with a part that others depend on (a store, Redis), in plain words."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Trouble:
    """Both empty: nothing is wrong. A sentence names no address and no password: whoever asks may hold no token."""

    fails: str = ""
    """Nothing works with it."""
    refuses: str = ""
    """It can be read and takes nothing in."""
