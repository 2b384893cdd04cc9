"""Which container wrote a line: pods and their containers over time, and the names of their files."""

import dataclasses

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.simulate.conditions import Restart
from ingest.simulate.draw import generator
from ingest.simulate.shop import Shop

_POD_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""The alphabet of Kubernetes' random names."""


@dataclasses.dataclass(frozen=True)
class Container:
    """One container and its file's name, `POD_NAMESPACE_CONTAINER-ID.log`."""

    file_name: str
    from_ns: int


class Containers:
    """All containers so far. Restarts must be told in the order of their times."""

    def __init__(self, shop: Shop, start_ns: int) -> None:
        self._shop = shop
        self._pods: dict[tuple[int, int], int] = {}
        self._of: dict[tuple[int, int], list[Container]] = {}
        for service in shop.services:
            for replica in range(service.replicas):
                self._pods[service.number, replica] = 0
                self._of[service.number, replica] = []
                self._add(service.number, replica, start_ns)

    def restart(self, restart: Restart) -> None:
        """From its time on the replica has a new container."""
        if restart.new_pod:
            self._pods[restart.service, restart.replica] += 1
        self._add(restart.service, restart.replica, restart.at_ns)

    def name_files(self, events: pl.DataFrame) -> pl.Series:
        """The name of the file that each event is written to."""
        names: list[str] = []
        chosen: npt.NDArray[np.int64] = np.zeros(len(events), dtype=np.int64)
        service, replica = events["service"].to_numpy(), events["replica"].to_numpy()
        # By the runtime's clock: a program's own may be wrong.
        time_ns, back = events["stamp_ns"].to_numpy(), events["back"].to_numpy()
        for (number, copy), containers in sorted(self._of.items()):
            here = np.flatnonzero((service == number) & (replica == copy))
            starts = np.array([container.from_ns for container in containers])
            at = np.searchsorted(starts, time_ns[here], side="right") - 1 - back[here]
            chosen[here] = len(names) + np.clip(at, 0, len(containers) - 1)
            names += [container.file_name for container in containers]
        return pl.Series("file", names, dtype=pl.String).gather(chosen)

    def _add(self, service: int, replica: int, from_ns: int) -> None:
        containers = self._of[service, replica]
        pod = self._pods[service, replica]
        name = self._shop.services[service].name
        version = _letters(generator(self._shop.seed, "replica-set", service, pod), 9)
        suffix = _letters(generator(self._shop.seed, "pod", service, replica, pod), 5)
        identity = generator(self._shop.seed, "container", service, replica, len(containers)).bytes(32).hex()
        file_name = f"{name}-{version}-{suffix}_{self._shop.namespace}_{name}-{identity}.log"
        containers.append(Container(file_name, from_ns))


def _letters(rng: np.random.Generator, count: int) -> str:
    return "".join(_POD_LETTERS[i] for i in rng.integers(0, len(_POD_LETTERS), count))
