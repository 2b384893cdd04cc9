"""Incident patterns: families of incidents whose signatures lie close together."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from index.incident import Incident
from index.incident_similar import cosine

SMALLEST = 2
CLOSE = 0.6
"""Cosine distance up to which two incidents are never parted (a guess: equal faults are .4 to .8 alike)."""


def with_families(incidents: Sequence[Incident]) -> list[Incident]:
    """The same incidents by (start_ns, incident_id), each with the id of its family: that of the earliest member."""
    ordered = sorted(incidents, key=lambda incident: (incident.start_ns, incident.incident_id))
    labels = _labels(ordered)
    first: dict[int, str] = {}
    for incident, label in zip(ordered, labels, strict=True):
        if label >= 0:
            first.setdefault(label, incident.incident_id)
    return [
        dataclasses.replace(incident, family_id=first.get(label, incident.incident_id))
        for incident, label in zip(ordered, labels, strict=True)
    ]


def _labels(incidents: Sequence[Incident]) -> list[int]:
    """A cluster for each, -1 for one that stands alone."""
    if len(incidents) < SMALLEST:
        return [-1] * len(incidents)
    alike = np.array([[cosine(one, other) for other in incidents] for one in incidents])
    distance = np.clip(1 - (alike + alike.T) / 2, 0, 2).round(6)
    np.fill_diagonal(distance, 0)
    # Loading scikit-learn takes 3 CPU-seconds, which no command without incidents should wait for.
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415

    model = HDBSCAN(min_cluster_size=SMALLEST, min_samples=1, metric="precomputed", copy=True).fit(distance)
    return [int(label) for label in model.dbscan_clustering(cut_distance=CLOSE, min_cluster_size=SMALLEST)]
