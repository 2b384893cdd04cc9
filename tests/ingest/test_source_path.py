"""Paths say which workload wrote a file, whatever Kubernetes and rotation added to its name."""

import pytest

from ingest.source_path import PathFields, is_compressed, read_path, unrotated, workload

ID = "0123456789abcdef" * 4
UID = "0c1e2d3f-1111-4222-8333-0123456789ab"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (
            f"/var/log/containers/cart-86f5f97bc9-tlpss_shop_server-{ID}.log",
            PathFields("cart", "shop", "cart-86f5f97bc9-tlpss", "server"),
        ),
        (
            f"/data/unpacked/containers/web-0_shop_main-{ID}.log.1",
            PathFields("web", "shop", "web-0", "main"),
        ),
        (
            f"/var/log/pods/kube-system_kube-proxy-x7k2d_{UID}/kube-proxy/3.log.20260101-120000.gz",
            PathFields("kube-proxy", "kube-system", "kube-proxy-x7k2d", "kube-proxy"),
        ),
        (f"/var/lib/docker/containers/{ID}/{ID}-json.log", PathFields(ID[:12], container=ID[:12])),
        ("/srv/logs/checkout.log", PathFields("checkout")),
        ("/srv/logs/checkout.log.2026-01-01", PathFields("checkout")),
        ("/srv/logs/checkout-2026-01-01.log", PathFields("checkout")),
        ("/srv/logs/messages", PathFields("messages")),
        ("/srv/logs/.log", PathFields(".log")),
        ("/srv/logs/20260101.log", PathFields("20260101")),
    ],
)
def test_a_path_tells_its_service_and_pod(path: str, fields: PathFields) -> None:
    assert read_path(path) == fields


@pytest.mark.parametrize(
    ("pod", "name"),
    [
        ("cart-86f5f97bc9-tlpss", "cart"),
        ("cart-worker-dc4d75dd-fw6ft", "cart-worker"),
        ("mysql-12", "mysql"),
        ("node-exporter-b8qzw", "node-exporter"),
        ("backup-28412345-xk2lp", "backup"),
        ("kube-proxy", "kube-proxy"),
        ("api-redis", "api-redis"),
        ("cart", "cart"),
    ],
)
def test_what_kubernetes_added_to_a_workload_is_taken_off(pod: str, name: str) -> None:
    assert workload(pod) == name


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/l/app.log.1", "/l/app.log"),
        ("/l/app.log.12.gz", "/l/app.log"),
        ("/l/app.log-20260101", "/l/app.log"),
        ("/l/0.log.20260101-120000", "/l/0.log"),
        ("/l/app.log.2026-01-01_10", "/l/app.log"),
        ("/l/app.log.old", "/l/app.log"),
        ("/l/app-20260101.log", "/l/app.log"),
        ("/l/app.2026-01-01.12.log", "/l/app.log"),
        ("/l/20260101.log", "/l/20260101.log"),
        ("/l/worker.1.log", "/l/worker.1.log"),
        ("/l/app.log", "/l/app.log"),
        ("/l/0.log", "/l/0.log"),
        ("/l/10.0.0.1", "/l/10.0.0.1"),
        ("/l/v1.2", "/l/v1"),
    ],
)
def test_rotation_is_read_from_the_name(path: str, base: str) -> None:
    assert unrotated(path) == base


def test_compression_is_read_from_the_name() -> None:
    assert is_compressed("/l/app.log.1.gz")
    assert not is_compressed("/l/app.log.1")
