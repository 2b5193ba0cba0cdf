"""Whether what a text calls unavailable is a machine or service, and not a thing of the business.

"Unavailable", "not reachable" and "quota" are said of databases and of delivery slots, of hosts and of customers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["SAID_OF_BOTH", "is_of_a_machine", "is_said_of_both"]

SAID_OF_BOTH = frozenset((
    "unavailable", "available", "reachable", "unreachable", "quota", "quotas", "capacity", "недоступен", "недоступна",
    "недоступно", "недоступны", "квота",
))  # fmt: skip
# Parts of a system, and the units in which a system rations its use.
_MACHINES = frozenset((
    "server", "servers", "service", "services", "host", "hosts", "hostname", "port", "socket", "pool", "database", "db",
    "connection", "connections", "broker", "brokers", "node", "nodes", "replica", "replicas", "shard", "shards",
    "cluster", "network", "api", "endpoint", "endpoints", "gateway", "upstream", "backend", "instance", "instances",
    "queue", "topic", "partition", "leader", "primary", "master", "metadata", "coordinator", "cache", "storage",
    "bucket", "disk", "memory", "cpu", "gpu", "dns", "proxy", "resource", "resources", "http", "https", "grpc", "rpc",
    "tcp", "status", "statuscode", "code", "redis", "postgres", "postgresql", "mysql", "mongo", "mongodb", "kafka",
    "rabbitmq", "elasticsearch", "cassandra", "vault", "datastore", "model", "metric", "request", "requests", "rate",
    "minute", "second", "throughput", "authentication", "сервер", "сервис", "служба", "хост", "узел", "сеть", "база",
    "бд", "шлюз", "брокер", "кластер", "порт", "хранилище", "очередь",
))  # fmt: skip
_ADDRESS = re.compile(r"://|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+|[A-Za-z0-9-]:[0-9]{2,5}(?![0-9])")
# An address stands near the words; a payload that is quoted behind them may hold any.
_LOOKED_AT = 500


def is_said_of_both(words: Sequence[str]) -> bool:
    """Whether a phrase is said of machines and of things of the business alike."""
    return not SAID_OF_BOTH.isdisjoint(words)


def is_of_a_machine(words: Sequence[str], text: str) -> bool:
    """Whether the text names a part of a system, or an address."""
    # A name of a status stands alone, or before everything else: "UNAVAILABLE: io exception".
    is_name = is_said_of_both(words[:1])
    return is_name or not _MACHINES.isdisjoint(words) or _ADDRESS.search(text[:_LOOKED_AT]) is not None
