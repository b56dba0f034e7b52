"""deploy/kubernetes: the manifests fit each other, the configuration in them, and the restricted pod security standard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import gateway

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
APPLIED = sorted(FOLDER.glob("*.yml"))
EXAMPLES = sorted((FOLDER / "examples").glob("*.yml"))
VERSIONS = {
    "Namespace": "v1",
    "ConfigMap": "v1",
    "Secret": "v1",
    "Service": "v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Ingress": "networking.k8s.io/v1",
}
_LABEL = re.compile(r"(?:[a-z0-9][a-z0-9.-]*/)?[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def objects(*files: Path) -> list[dict[str, Any]]:
    return [document for file in files for document in yaml.safe_load_all(file.read_text())]


def one(kind: str, files: list[Path] = APPLIED) -> dict[str, Any]:
    [found] = [item for item in objects(*files) if item["kind"] == kind]
    return found


DEPLOYMENT, JOB, SERVICE = one("Deployment"), one("Job"), one("Service")
PODS = {"deployment": DEPLOYMENT["spec"]["template"], "job": JOB["spec"]["template"]}
CONFIG = yaml.safe_load(one("ConfigMap")["data"]["gateway.yml"])
[CONTAINER] = PODS["deployment"]["spec"]["containers"]
each_pod = pytest.mark.parametrize("pod", PODS.values(), ids=PODS)


def seconds(text: str) -> int:
    assert re.fullmatch(r"\d+s", text)
    return int(text[:-1])


def test_every_object_is_of_a_version_that_clusters_have_and_is_named_once():
    seen = set()
    for item in objects(*APPLIED, *EXAMPLES):
        assert item["apiVersion"] == VERSIONS[item["kind"]]
        name = (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        assert name not in seen
        seen.add(name)
        for key, value in item["metadata"].get("labels", {}).items():
            assert _LABEL.fullmatch(key), key
            assert isinstance(value, str), key


def test_what_is_applied_stays_in_its_own_namespace():
    assert {item["metadata"].get("namespace", item["metadata"]["name"]) for item in objects(*APPLIED)} == {"auth-gateway"}


def test_what_is_applied_holds_no_secret_and_the_example_s_is_none():
    assert [item for item in objects(*APPLIED) if item["kind"] == "Secret"] == []
    example = one("Secret", EXAMPLES)
    assert set(example["stringData"].values()) == {"replace-me"}
    mounted = "/run/secrets/gateway/"
    assert {f"{mounted}{key}" for key in example["stringData"]} == set(re.findall(rf"{mounted}[\w-]+", one("ConfigMap")["data"]["gateway.yml"]))


def test_files_are_applied_in_the_order_of_need():
    kinds = [item["kind"] for item in objects(*APPLIED)]
    assert kinds.index("Namespace") < kinds.index("ConfigMap") < kinds.index("NetworkPolicy") < kinds.index("Job") < kinds.index("Deployment")


@each_pod
def test_pods_are_admitted_under_the_restricted_standard(pod):
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} <= {"configMap", "secret", "emptyDir"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"]["cpu"]
        assert container["resources"]["limits"]["memory"]
        assert not any("hostPort" in port for port in container.get("ports", []))


@each_pod
def test_pods_run_this_version_as_the_user_of_the_image(pod):
    [container] = pod["spec"]["containers"]
    assert container["image"] == f"auth-gateway:{gateway.__version__}"
    dockerfile = (FOLDER.parents[1] / "Dockerfile").read_text()
    security = pod["spec"]["securityContext"]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in dockerfile


@each_pod
def test_every_mount_is_a_volume_whose_source_exists(pod):
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    [container] = pod["spec"]["containers"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert set(mounts) == set(volumes)
    assert volumes["config"]["configMap"]["name"] == one("ConfigMap")["metadata"]["name"]
    assert volumes["secrets"]["secret"]["secretName"] == one("Secret", EXAMPLES)["metadata"]["name"]
    assert volumes["secrets"]["secret"]["defaultMode"] == 0o440
    assert not any("subPath" in mount for mount in mounts.values()), "a subPath is never updated"
    assert container["env"] == [{"name": "GATEWAY_CONFIG", "value": f"{mounts['config']['mountPath']}/gateway.yml"}]


def test_probes_ask_the_admin_listener():
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert CONFIG["server"]["listen"] == f"0.0.0.0:{ports['http']}"
    assert CONFIG["server"]["admin_listen"] == f"0.0.0.0:{ports['admin']}"
    asked = {name: CONTAINER[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {name: get["path"] for name, get in asked.items()} == {
        "startupProbe": "/healthz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/healthz",
    }
    assert {get["port"] for get in asked.values()} == {"admin"}


def test_there_is_time_to_end_well():
    delay, grace = (seconds(CONFIG["server"][key]) for key in ("shutdown_delay", "shutdown_grace"))
    assert PODS["deployment"]["spec"]["terminationGracePeriodSeconds"] >= delay + grace + 5
    readiness = CONTAINER["readinessProbe"]
    assert delay > readiness["periodSeconds"] * readiness["failureThreshold"], "unready before it takes no more"


def test_replicas_outlive_a_node_and_an_upgrade():
    spec, budget = DEPLOYMENT["spec"], one("PodDisruptionBudget")["spec"]
    labels = PODS["deployment"]["metadata"]["labels"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["minAvailable"] < spec["replicas"], "or no node could ever be drained"
    assert {item["topologyKey"] for item in PODS["deployment"]["spec"]["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    selectors = [spec["selector"], budget["selector"], *(item["labelSelector"] for item in PODS["deployment"]["spec"]["topologySpreadConstraints"])]
    assert all(selector == {"matchLabels": labels} for selector in selectors)
    assert CONFIG["session"]["store"].startswith("redis"), "replicas share their sessions"


def test_the_service_leads_to_the_gateway_and_not_to_its_admin_listener_or_the_job():
    assert SERVICE["spec"]["selector"] == PODS["deployment"]["metadata"]["labels"]
    assert not SERVICE["spec"]["selector"].items() <= PODS["job"]["metadata"]["labels"].items()
    assert [port["targetPort"] for port in SERVICE["spec"]["ports"]] == ["http"]
    for rule in one("Ingress", EXAMPLES)["spec"]["rules"]:
        [path] = rule["http"]["paths"]
        assert path["backend"]["service"] == {"name": SERVICE["metadata"]["name"], "port": {"name": SERVICE["spec"]["ports"][0]["name"]}}


def test_the_network_lets_in_and_out_what_is_needed_and_no_more():
    policy = one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    for pod in PODS.values():
        assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert [[port["port"] for port in rule["ports"]] for rule in policy["ingress"]] == [[8080], [9090]]
    assert all(rule.get("from") for rule in policy["ingress"])
    assert all(rule.get("to") for rule in policy["egress"])
    open_ports = {port["port"] for rule in policy["egress"] for port in rule.get("ports", [])}
    assert open_ports == {53, 6379, 5432}


def test_the_application_s_policy_lets_in_the_gateway_only():
    [rule] = one("NetworkPolicy", EXAMPLES)["spec"]["ingress"]
    [peer] = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "auth-gateway"}
    assert peer["podSelector"]["matchLabels"] == PODS["deployment"]["metadata"]["labels"]


def test_the_job_does_not_start_again_for_ever():
    assert JOB["spec"]["backoffLimit"] <= 6
    assert JOB["spec"]["activeDeadlineSeconds"] > 0
    assert PODS["job"]["spec"]["restartPolicy"] == "Never"
    assert PODS["job"]["spec"]["containers"][0]["args"][:2] == ["db", "upgrade"]
