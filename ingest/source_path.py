"""From a log file's path to what Kubernetes and Docker wrote into it: namespace, pod, container, and the service."""

import dataclasses
import re

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of Kubernetes' generated names (apimachinery, util/rand): no vowels, no look-alikes."""

_CONTAINERS = re.compile(
    r"(?:^|/)(?P<pod>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)_(?P<namespace>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)_"
    r"(?P<container>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)-(?P<id>[0-9a-f]{64})\.log$"
)
_PODS = re.compile(
    r"(?:^|/)(?P<namespace>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)_(?P<pod>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)_"
    r"(?P<uid>[0-9a-f]{32}|[0-9a-f-]{36})/(?P<container>[^/]+)/[0-9]+\.log$"
)
_DOCKER = re.compile(r"(?:^|/)(?P<id>[0-9a-f]{64})/(?P=id)-json\.log$")

_WORKLOAD_SUFFIXES = (
    re.compile(rf"-[{_SAFE}]{{6,10}}-[{_SAFE}]{{5}}$"),  # deployment: replica set's hash and pod's suffix
    re.compile(r"-[0-9]{8,}-[a-z0-9]{5}$"),  # cron job: minutes since 1970, pod's suffix
    re.compile(rf"-[{_SAFE}]{{5}}$"),  # daemon set or job
    re.compile(r"-[0-9]{1,4}$"),  # stateful set: ordinal
)

_ROTATED = re.compile(
    r"^(?P<base>.*[A-Za-z].*?)"
    r"(?:\.[0-9]{1,3}"  # logrotate: app.log.1
    r"|[.-][0-9]{8}(?:-?[0-9]{4,6})?(?:\.[0-9]{1,3})?"  # dateext, kubelet: app.log-20260101, 0.log.20260101-120000
    r"|\.[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T_-][0-9]{2}(?:[-:_]?[0-9]{2}){0,2})?"  # app.log.2026-01-01
    r"|\.old)$"
)
_DATED = re.compile(
    r"^(?P<base>.*[A-Za-z].*?)[._-](?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})(?:[T._-][0-9]{2,6})?(?:\.[0-9]{1,3})?"
    r"(?P<extension>\.(?:log|txt|json|jsonl|ndjson|out|err))$"  # app-20260101.log, app.2026-01-01.1.log
)
_COMPRESSED = re.compile(r"\.(?:gz|zst|bz2|xz|lz4|Z)$")


@dataclasses.dataclass(frozen=True)
class PathFields:
    """What a path says; empty where it says nothing."""

    service: str
    namespace: str = ""
    pod: str = ""
    container: str = ""


def read_path(path: str) -> PathFields:
    """The fields of a path as the collector sees it: the link under `/var/log/containers`, not what it points to.

    The service is the pod's workload (containers are often all called `server`); without a pod the first 12 digits of
    the Docker container's id, else the file's name without `.log`, dates and rotation suffixes.
    """
    base = unrotated(path)
    match = _CONTAINERS.search(base) or _PODS.search(base)
    if match:
        pod, namespace, container = match["pod"], match["namespace"], match["container"]
        return PathFields(service=workload(pod), namespace=namespace, pod=pod, container=container)
    match = _DOCKER.search(base)
    if match:
        short = match["id"][:12]
        return PathFields(service=short, container=short)
    return PathFields(service=_stem(base))


def workload(pod: str) -> str:
    """The pod's name without what Kubernetes added to the name of its deployment, job or set."""
    for suffix in _WORKLOAD_SUFFIXES:
        found = suffix.search(pod)
        if found and found.start() > 0:
            return pod[: found.start()]
    return pod


def unrotated(path: str) -> str:
    """The path that a rotated file had while it was written to: `app.log` for `app.log.1` or `app.log-20260101.gz`."""
    folder, slash, name = path.rpartition("/")
    name = _COMPRESSED.sub("", name)
    if match := _DATED.match(name):
        return folder + slash + match["base"] + match["extension"]
    match = _ROTATED.match(name)
    return folder + slash + (match["base"] if match else name)


def is_compressed(path: str) -> bool:
    """Whether the name says that the content is compressed."""
    return _COMPRESSED.search(path) is not None


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return re.sub(r"\.(?:log|txt|json|jsonl|ndjson|out|err)$", "", name) or name
