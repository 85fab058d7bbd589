"""Reads the three scaling blocks; a version has at most one of them."""

from flowdeploy.appengine.app_yaml.times import idle_timeout, latency
from flowdeploy.appengine.forms.schema import (
    FLEXIBLE,
    INT32,
    NOT_CARRIED,
    Key,
    block,
    number,
    unusable,
    whole,
    whole_or_automatic,
)

BLOCKS = ("automatic_scaling", "basic_scaling", "manual_scaling")

_COUNT = whole(-INT32 - 1)
_AT_LEAST_ONE = whole(1)

_FLEXIBLE_KEYS = (
    *("min_num_instances", "max_num_instances", "cool_down_period_sec", "cpu_utilization"),
    *("target_request_count_per_sec", "target_concurrent_requests"),
    *("target_network_sent_bytes_per_sec", "target_network_sent_packets_per_sec"),
    *("target_network_received_bytes_per_sec", "target_network_received_packets_per_sec"),
    *("target_disk_write_bytes_per_sec", "target_disk_write_ops_per_sec"),
    *("target_disk_read_bytes_per_sec", "target_disk_read_ops_per_sec"),
)

AUTOMATIC = block(
    {
        "max_concurrent_requests": Key(_AT_LEAST_ONE),
        "min_idle_instances": Key(whole_or_automatic),
        "max_idle_instances": Key(whole_or_automatic),
        "min_pending_latency": Key(latency),
        "max_pending_latency": Key(latency),
        "min_instances": Key(_COUNT, "standardSchedulerSettings.minInstances"),
        "max_instances": Key(_COUNT, "standardSchedulerSettings.maxInstances"),
        "target_cpu_utilization": Key(number, "standardSchedulerSettings.targetCpuUtilization"),
        "target_throughput_utilization": Key(
            number, "standardSchedulerSettings.targetThroughputUtilization"
        ),
        "custom_metrics": Key(unusable(NOT_CARRIED)),
        **dict.fromkeys(_FLEXIBLE_KEYS, Key(unusable(FLEXIBLE))),
    },
    "automatic_scaling",
)

BASIC = block(
    {
        "max_instances": Key(_AT_LEAST_ONE, required=True),
        "idle_timeout": Key(idle_timeout),
    },
    "basic_scaling",
)

MANUAL = block({"instances": Key(_AT_LEAST_ONE, required=True)}, "manual_scaling")
