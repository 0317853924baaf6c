"""A Docker Engine in memory, behind the signatures of the Docker SDK's own client."""

import base64
import copy
from unittest.mock import create_autospec

import docker
from docker.errors import APIError, NotFound

TOKENS = {"Worker": "SWMTKN-1-worker", "Manager": "SWMTKN-1-manager"}


def refuse(text, kind=APIError):
    """Fail as Docker does."""
    return kind("refused", explanation=text)


class Engine:
    """One engine: what it holds, what it was asked to do, and what it refuses."""

    def __init__(self):
        self.state, self.role, self.address, self.error = "inactive", None, "", ""
        self.managers, self.live_restore, self.generic = [], False, None
        self.node_id = "self"
        # Of a node that was promoted.
        self.reachability = "reachable"
        self.swarm = {
            "ID": "cluster",
            "Version": {"Index": 1},
            "Spec": {
                "Orchestration": {"TaskHistoryRetentionLimit": 5},
                "Dispatcher": {"HeartbeatPeriod": 5 * 10**9},
            },
            "DefaultAddrPool": ["10.0.0.0/8"],
            "SubnetSize": 24,
            "DataPathPort": 4789,
            "JoinTokens": TOKENS,
        }
        self.node_list, self.network_list, self.service_list, self.task_list = [], [], [], []
        self.data = {"config": [], "secret": []}
        self.used, self.asked = set(), []
        self.client = create_autospec(docker.APIClient, instance=True)
        for name in dir(self):
            if not name.startswith("_") and callable(getattr(self, name)):
                getattr(self.client, name).side_effect = self._told(name)

    def _told(self, name):
        def call(*args, **kwargs):
            if not name.startswith("inspect_") and name not in READS:
                self.asked.append(name)
            return copy.deepcopy(getattr(self, name)(*args, **kwargs))

        return call

    def info(self):
        known = [{"NodeID": "x", "Addr": addr} for addr in self.managers]
        return {
            "LiveRestoreEnabled": self.live_restore,
            "GenericResources": self.generic,
            "Swarm": {
                "LocalNodeState": self.state,
                "ControlAvailable": self.role == "manager",
                "NodeID": self.node_id if self.role else "",
                "NodeAddr": self.address,
                "Error": self.error,
                "RemoteManagers": known or None,
                "Cluster": {"ID": "cluster"} if self.role == "manager" else None,
            },
        }

    def init_swarm(self, advertise_addr=None, force_new_cluster=False, **given):
        self.state, self.role, self.address = "active", "manager", advertise_addr
        self.managers = [f"{advertise_addr}:2377"]
        pool = given["default_addr_pool"]
        self.swarm["DefaultAddrPool"] = pool or self.swarm["DefaultAddrPool"]
        self.swarm["SubnetSize"] = given["subnet_size"] or 24
        return "self"

    def inspect_swarm(self):
        if self.role != "manager":
            raise refuse("This node is not a swarm manager.")
        return self.swarm

    def update_swarm(self, version, swarm_spec, rotate_worker_token=False, **_more):
        self.swarm["Spec"] = swarm_spec
        if rotate_worker_token:
            self.swarm["JoinTokens"] = {**TOKENS, "Worker": "SWMTKN-1-other"}

    def join_swarm(self, remote_addrs, join_token, advertise_addr=None):
        if join_token not in TOKENS.values():
            raise refuse(f"invalid join token {join_token}")
        self.state, self.managers, self.address = "active", remote_addrs, advertise_addr
        self.role = "manager" if join_token == TOKENS["Manager"] else "worker"
        return True

    def leave_swarm(self, force=False):
        if self.role == "manager" and not force:
            raise refuse("You are attempting to leave the swarm on a manager node")
        self.state, self.role, self.managers, self.error = "inactive", None, [], ""
        return True

    def nodes(self):
        return self.node_list

    def inspect_node(self, node_id):
        for node in self.node_list:
            if node["ID"] == node_id:
                return node
        raise refuse(f"node {node_id} not found", NotFound)

    def update_node(self, node_id, version, node_spec):
        node = self.inspect_node(node_id)
        demoted = (node["Spec"]["Role"], node_spec["Role"]) == ("manager", "worker")
        if demoted and "ManagerStatus" not in node:
            raise refuse("can't find manager in raft memberlist", NotFound)
        node["Spec"] = node_spec
        if node_spec["Role"] == "worker":
            node.pop("ManagerStatus", None)
        elif "ManagerStatus" not in node:
            node["ManagerStatus"] = {"Leader": False, "Reachability": self.reachability}
        return True

    def remove_node(self, node_id, force=False):
        if "ManagerStatus" in self.inspect_node(node_id):
            raise refuse("node is a cluster manager and is a member of the raft cluster")
        self.node_list = [node for node in self.node_list if node["ID"] != node_id]
        return True

    def networks(self):
        return self.network_list

    def create_network(self, name, **given):
        pools = (given["ipam"] or {}).get("Config") or [
            {"Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1"}
        ]
        options = {"com.docker.network.driver.overlay.vxlanid_list": "4097"}
        self.network_list.append(
            {
                "Name": name,
                "Id": f"id-{name}",
                "Scope": given["scope"],
                "Driver": given["driver"],
                "Attachable": given["attachable"],
                "Internal": given["internal"],
                "EnableIPv6": given["enable_ipv6"],
                "IPAM": {"Driver": "default", "Config": pools},
                "Options": {**options, **(given["options"] or {})},
                "Labels": given["labels"] or None,
            }
        )

    def remove_network(self, net_id):
        if net_id in self.used:
            raise refuse(f"network {net_id} is in use by service web")
        self.network_list = [item for item in self.network_list if item["Id"] != net_id]

    def configs(self):
        return self.data["config"]

    def secrets(self):
        return [
            {**item, "Spec": {key: val for key, val in item["Spec"].items() if key != "Data"}}
            for item in self.data["secret"]
        ]

    def _create(self, kind, name, data, labels):
        text = base64.b64encode(data).decode()
        spec = {"Name": name, "Labels": labels, "Data": text}
        self.data[kind].append({"ID": f"id-{name}", "Spec": spec})
        return {"ID": f"id-{name}"}

    def create_config(self, name, data, labels=None):
        return self._create("config", name, data, labels)

    def create_secret(self, name, data, labels=None):
        return self._create("secret", name, data, labels)

    def _remove(self, kind, item):
        if item in self.used:
            raise refuse(f"{kind} '{item}' is in use by the following service: web")
        self.data[kind] = [entry for entry in self.data[kind] if entry["ID"] != item]
        return True

    def remove_config(self, id):
        return self._remove("config", id)

    def remove_secret(self, id):
        return self._remove("secret", id)

    def services(self):
        return self.service_list

    def inspect_service(self, service):
        for item in self.service_list:
            if service in (item["ID"], item["Spec"]["Name"]) or item["ID"].startswith(service):
                return item
        raise refuse(f"service {service} not found", NotFound)

    def _spec(self, task_template, given):
        names = {
            "name": "Name",
            "labels": "Labels",
            "mode": "Mode",
            "update_config": "UpdateConfig",
            "rollback_config": "RollbackConfig",
            "endpoint_spec": "EndpointSpec",
        }
        task_template["ContainerSpec"]["Isolation"] = "default"
        task_template.setdefault("ForceUpdate", 0)
        task_template["Runtime"] = "container"
        said = {names[key]: value for key, value in given.items() if value is not None}
        return {**said, "TaskTemplate": task_template}

    def create_service(self, task_template, **given):
        number = len(self.service_list) + 1
        self.service_list.append(
            {
                "ID": f"service{number}",
                "Version": {"Index": 1},
                "UpdatedAt": "2026-01-03",
                "Spec": self._spec(copy.deepcopy(task_template), given),
            }
        )

    def update_service(self, service, version, task_template=None, **given):
        item = self.inspect_service(service)
        if list(given["mode"]) != list(item["Spec"]["Mode"]):
            raise refuse("service mode change is not allowed")
        if version != item["Version"]["Index"]:
            raise refuse("update out of sequence")
        item["Version"]["Index"] += 1
        item["Spec"] = self._spec(copy.deepcopy(task_template), given)

    def remove_service(self, service):
        item = self.inspect_service(service)
        self.service_list.remove(item)
        for task in self.task_list:
            if task["ServiceID"] == item["ID"]:
                task["Status"]["State"] = "shutdown"

    def tasks(self, filters=None):
        return self.task_list


READS = ("info", "nodes", "networks", "configs", "secrets", "services", "tasks")


def node(name, **more):
    """A node as Docker's API has it."""
    given = {"id": f"id-{name}", "state": "ready", "role": "worker", "labels": {}, **more}
    found = {
        "ID": given["id"],
        "Version": {"Index": 3},
        "UpdatedAt": "2026-01-02",
        "Spec": {"Role": given["role"], "Availability": "active", "Labels": given["labels"]},
        "Description": {
            "Hostname": name,
            "Platform": {"Architecture": "armv7l", "OS": "linux"},
            "Resources": {
                "NanoCPUs": 10**9,
                "MemoryBytes": 2**29,
                "GenericResources": [{"DiscreteResourceSpec": {"Kind": "mbps", "Value": 100}}],
            },
            "Engine": {"EngineVersion": "20.10.24", "Labels": {"picloud.node": name}},
        },
        "Status": {"State": given["state"], "Addr": "10.80.1.9"},
    }
    if given["role"] == "manager":
        found["ManagerStatus"] = {"Leader": False, "Reachability": "reachable"}
    return found
