"""Managers of a swarm that answer what ``salt-run workload`` asks, without Salt's bus."""

MANAGERS = ("pi0", "pi14", "pi28")
FULL = "no suitable node (max replicas per node limit exceed)"


class Swarm:
    """What the managers of glasgow answer: a service with tasks, nodes that can be drained."""

    def __init__(self):
        self.asked, self.silent, self.inactive, self.missing = [], set(), set(), set()
        self.cluster, self.stuck, self.failing = "c1", False, {}
        self.availability = dict.fromkeys(("pi0", "pi1", "pi14", "pi28"), "active")
        self.tasks = {1: "pi0", 2: "pi14", 3: "pi28"}
        self.replicas, self.described = 3, lambda: 3
        self.image, self.previous, self.update = "picloud/web:1@sha256:0", "", ""

    def cmd_iter_no_block(self, names, function, arguments, **more):
        assert more["tgt_type"] == "list"
        for name in names:
            self.asked.append((name, function, *arguments, *more["kwarg"].values()))
            if name in self.silent:
                continue
            if function in self.missing:
                yield {name: {"ret": f"'{function}' is not available.", "retcode": 254}}
            elif function in self.failing:
                yield {name: {"ret": f"ERROR: {self.failing[function]}", "retcode": 1}}
            else:
                answer = getattr(self, function.replace(".", "_"))
                yield {name: {"ret": answer(name, *arguments, **more["kwarg"]), "retcode": 0}}

    def swarm_info(self, name):
        if name in self.inactive:
            return {"state": "inactive", "role": None, "cluster": None}
        return {"state": "active", "role": "manager", "cluster": self.cluster}

    def swarmwork_look(self, _name):
        wanted = self.described()
        changes = {} if wanted == self.replicas else {"replicas": [f"{self.replicas}", f"{wanted}"]}
        service = {
            **{"image": self.image, "previous": self.previous},
            **{"mode": "replicated", "described": True},
            **{"wanted": self.replicas, "running": sum(map(bool, self.tasks.values()))},
            **{"update": self.update, "message": "", "error": "", "changes": changes},
        }
        return {
            "nodes": [
                {"id": f"id-{name}", "hostname": name, "state": "ready", "availability": one}
                for name, one in self.availability.items()
            ],
            "services": {"web": service},
            "missing": [],
            "tasks": [
                {
                    **{"service": "web", "slot": slot, "desired": "running", "at": ""},
                    **{"node": f"id-{node}" if node else "", "error": "" if node else FULL},
                    "state": "running" if node else "pending",
                }
                for slot, node in self.tasks.items()
            ],
        }

    def swarmwork_settle(self, _name, workload, timeout):
        assert (workload, timeout) == ("web", 120)
        old, self.replicas = self.replicas, self.described()
        self.tasks = {slot: f"pi{slot}" for slot in range(1, self.replicas + 1)}
        return {"replicas": {"old": old, "new": self.replicas}}

    def swarmnode_set(self, _name, node, availability):
        self.availability[node] = availability
        if availability == "drain" and not self.stuck:
            free = [one for one in ("pi1",) if one not in self.tasks.values()]
            for slot, where in self.tasks.items():
                if where == node:
                    self.tasks[slot] = free.pop() if free else None

    def swarmwork_logs(self, _name, _workload, lines):
        said = [
            {
                "at": f"2026-01-01T00:00:0{n}Z",
                "node": f"pi{n}",
                "task": "web.1",
                "text": f"{n}\x1b[",
            }
            for n in range(5)
        ]
        return {"lines": said[-lines:], "trouble": ["node pi9 is not available"]}

    def swarmservice_restart(self, _name, _workload):
        return None

    def swarmservice_wait(self, _name, _workload, timeout):
        return {"running": 3, "timeout": timeout}
