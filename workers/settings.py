"""How often the nearline steps run and what is kept."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class NearlineSettings:
    """Times in seconds. The defaults keep results within a minute of the line on two cores (guesses, then watched)."""

    maintain_every_s: float = 0.25
    """Flush and compaction are looked at this often."""
    mine_every_s: float = 5.0
    """Least pause between two mining runs; nobody waiting, ten times the last run's duration if that is longer."""
    retention_every_s: float = 300.0
    retention_s: float = 30 * 86400.0
    max_disk_bytes: int | None = None
    give_way_s: float = 0.5
    """Longest wait of a background step for questions being answered."""
    kept_generations: int = 3
    """Generations as of past times kept in memory."""
