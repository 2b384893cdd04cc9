"""The manifests keep to Kubernetes' schemas, patches applied, and to what we promise: least rights, probes, limits."""

import copy
from collections.abc import Mapping

import kubernetes_validate
import pytest

from api.routes_health import router
from tests.deploy.container import KUBERNETES, Json, orchestrated, pods, resolved, secrets_of, shown_secrets

OVERLAYS = {"base": resolved(KUBERNETES / "base"), "gpu": resolved(KUBERNETES / "gpu")}
BASE = OVERLAYS["base"]
VERSIONS = ["1.29", kubernetes_validate.latest_version().rpartition(".")[0]]
"""The oldest that we mean to support, a guess, and the newest whose schemas there are."""
PODS = [
    pytest.param(pod, id=f"{overlay} {name}")
    for overlay, objects in OVERLAYS.items()
    for name, pod in pods(objects).items()
]
STRANGERS = {"monitoring": {"dejalog/prometheus": "true"}, "shop": {}}
"""Namespaces of others, with their labels."""
each_pod = pytest.mark.parametrize("pod", PODS)


def of_kind(kind: str) -> list[Json]:
    return [each for each in BASE if each["kind"] == kind]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_keeps_to_the_schema(overlay: str, version: str) -> None:
    for each in OVERLAYS[overlay]:
        assert kubernetes_validate.validate(each, version, strict=True) == version


def test_the_schema_would_find_a_misspelt_key() -> None:
    wrong = copy.deepcopy(of_kind("Deployment")[0])
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_no_object_is_there_twice_and_each_has_a_namespace_that_there_is() -> None:
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in BASE]
    assert len(set(names)) == len(names)
    namespaces = {each["metadata"]["name"] for each in of_kind("Namespace")}
    assert {namespace for kind, namespace, _ in names if kind != "Namespace"} == namespaces


@each_pod
def test_a_pod_is_not_root_and_keeps_no_right(pod: Json) -> None:
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@each_pod
def test_a_pod_has_no_token_of_the_api_and_no_variables_named_after_services(pod: Json) -> None:
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["enableServiceLinks"] is False
    accounts = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in of_kind("ServiceAccount")}
    assert (pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]) in accounts


def test_nobody_is_given_a_role() -> None:
    assert not [each["kind"] for each in BASE if "Role" in each["kind"]]
    assert all(each["automountServiceAccountToken"] is False for each in of_kind("ServiceAccount"))


@each_pod
def test_only_the_collector_sees_files_of_its_node_and_cannot_write_them(pod: Json) -> None:
    spec = pod["spec"]
    of_node = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
    if pod["metadata"]["namespace"] == "dejalog":
        assert of_node == {}
        return
    assert set(of_node.values()) == {"/var/log/containers", "/var/log/pods"}
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    assert all(mounts[name]["readOnly"] and mounts[name]["mountPath"] == path for name, path in of_node.items())


def test_the_namespaces_enforce_what_their_pods_keep_to() -> None:
    enforced = {each["metadata"]["name"]: each["metadata"]["labels"] for each in of_kind("Namespace")}
    assert enforced["dejalog"]["pod-security.kubernetes.io/enforce"] == "restricted"


@each_pod
def test_a_container_has_limits_and_probes_on_what_it_answers(pod: Json) -> None:
    for container in pod["spec"]["containers"]:
        assert set(container["resources"]["limits"]) >= {"cpu", "memory"}
        assert set(container["resources"]["requests"]) >= {"cpu", "memory"}
        if pod["spec"].get("restartPolicy") == "Never":
            continue  # what is done once is not watched
        probes = {key: probe for key, probe in container.items() if key.endswith("Probe")}
        assert probes.keys() == {"startupProbe", "readinessProbe", "livenessProbe"}
        ports = {port["name"] for port in container.get("ports", ())}
        for probe in probes.values():
            assert "exec" in probe or (
                probe["httpGet"]["path"] in {getattr(route, "path", "") for route in router.routes}
                and probe["httpGet"]["port"] in ports
            )
        if container["name"] != "redis":
            readiness = container["readinessProbe"]
            assert (readiness["httpGet"]["path"], readiness["timeoutSeconds"]) == ("/readyz", 5)


def ports_of(pod: Json) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0].get("ports", ())}


def matched(labels: Mapping[str, str], namespace: str) -> list[Json]:
    return [
        pod
        for pod in pods(BASE).values()
        if pod["metadata"]["namespace"] == namespace and labels.items() <= pod["metadata"]["labels"].items()
    ]


@pytest.mark.parametrize(
    "kind", ["Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment", "DaemonSet", "StatefulSet"]
)
def test_every_selector_finds_pods(kind: str) -> None:
    assert of_kind(kind)
    for each in of_kind(kind):
        selector = each["spec"].get("podSelector") or each["spec"].get("selector", {})
        labels = selector if kind == "Service" else selector.get("matchLabels", {})
        found = matched(labels, each["metadata"]["namespace"])
        assert found, f"{kind} {each['metadata']['name']} selects nothing"
        if kind == "Service":
            named = {port["name"] for pod in found for port in pod["spec"]["containers"][0]["ports"]}
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= named


def test_what_runs_more_than_once_is_not_all_evicted_at_once() -> None:
    several = {each["metadata"]["name"] for each in of_kind("Deployment") if each["spec"]["replicas"] > 1}
    assert several == {each["metadata"]["name"] for each in of_kind("PodDisruptionBudget")}


def policies(namespace: str, direction: str) -> list[Json]:
    return [
        each["spec"]
        for each in of_kind("NetworkPolicy")
        if each["metadata"]["namespace"] == namespace and direction in each["spec"]["policyTypes"]
    ]


def reaches(component: str, target: str, port: int, namespace: str = "dejalog") -> bool:
    """Whether both ends allow it, by labels of pods; `component` may be in the collector's namespace."""
    sender = next(
        pod for pod in pods(BASE).values() if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component
    )
    receiver = next(
        pod for pod in pods(BASE).values() if pod["metadata"]["labels"]["app.kubernetes.io/component"] == target
    )
    leaves = _allows(sender, receiver, port, "Egress", "to")
    return leaves and _allows(receiver, sender, port, "Ingress", "from")


def _allows(pod: Json, peer: Json, port: int, direction: str, key: str) -> bool:
    home = pod["metadata"]["namespace"]
    return any(
        _selected(policy["podSelector"], pod)
        and any(
            port in {each["port"] for each in rule["ports"]} and any(_is_peer(each, peer, home) for each in rule[key])
            for rule in policy.get(direction.lower(), ())
        )
        for policy in policies(home, direction)
    )


def _is_peer(said: Json, peer: Json, home: str) -> bool:
    namespaces = {each["metadata"]["name"]: each["metadata"]["labels"] for each in of_kind("Namespace")} | STRANGERS
    its_own = peer["metadata"]["namespace"]
    labels = namespaces[its_own] | {"kubernetes.io/metadata.name": its_own}
    if "namespaceSelector" in said:
        wanted = said["namespaceSelector"].get("matchLabels", {})
        return wanted.items() <= labels.items() and _selected(said.get("podSelector", {}), peer)
    return its_own == home and _selected(said["podSelector"], peer)


def _selected(selector: Json, pod: Json) -> bool:
    labels: Mapping[str, str] = pod["metadata"]["labels"]
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def test_all_is_forbidden_that_is_not_said() -> None:
    for namespace in ("dejalog", "dejalog-collector"):
        assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies(namespace, "Ingress")


def test_pods_reach_what_they_need_and_nothing_else() -> None:
    components = sorted(pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods(BASE).values())
    found = {
        (one, other) for one in components for other in components for port in (6379, 8900) if reaches(one, other, port)
    }
    to_redis = {(one, "redis") for one in ("receiver", "ingest", "celery", "beat", "query", "doctor")}
    assert found == to_redis | {("collector", "receiver"), ("doctor", "query")}


@pytest.mark.parametrize("namespace", STRANGERS)
def test_prometheus_reaches_all_that_has_metrics_and_nothing_else_and_others_reach_nothing(namespace: str) -> None:
    peer = {"metadata": {"namespace": namespace, "labels": {}}}
    reached = {
        name for name, pod in pods(BASE).items() for port in (6379, 8900) if _allows(pod, peer, port, "Ingress", "from")
    }
    watched = {name for name, pod in pods(BASE).items() if "http" in ports_of(pod)}
    assert len(watched) == 6
    assert reached == (watched if namespace == "monitoring" else set())


def test_what_a_container_listens_on_is_the_port_that_it_names() -> None:
    listening = {
        each.name
        for each in orchestrated("base")
        if "0.0.0.0:8900" in {*each.command[-1:], each.environment.get("DEJALOG_WORKER_LISTEN")}
    }
    assert listening == {f"base {name}" for name, pod in pods(BASE).items() if ports_of(pod).get("http") == 8900}


def test_who_is_told_of_a_store_may_reach_it() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(BASE).items()}
    for container in orchestrated("base"):
        of_pod = labels[container.name.removeprefix("base ")]
        uses = "ELASTICSEARCH_URL_FILE" in container.environment
        assert (of_pod.get("dejalog/uses-elasticsearch") == "true") == uses


def test_the_page_makes_every_secret_that_is_mounted() -> None:
    mounted = {
        (pod["metadata"]["namespace"], secret)
        for pod in pods(BASE).values()
        for volume in pod["spec"]["volumes"]
        for secret in secrets_of(volume)
    }
    assert mounted == set(shown_secrets())


def test_jobs_end() -> None:
    for job in of_kind("Job"):
        assert job["spec"]["backoffLimit"] > 0
        assert job["spec"]["activeDeadlineSeconds"] > 0
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_the_overlay_gives_celerys_worker_a_card_and_changes_nothing_else() -> None:
    changed = [(one, other) for one, other in zip(BASE, OVERLAYS["gpu"], strict=True) if one != other]
    assert [(one["kind"], one["metadata"]["name"]) for one, _ in changed] == [("Deployment", "celery")]
    spec = changed[0][1]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert container["image"].endswith("-gpu")
    before = changed[0][0]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert container["env"] == [*before, {"name": "DEJALOG_EMBED_DEVICE", "value": "gpu"}]
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
