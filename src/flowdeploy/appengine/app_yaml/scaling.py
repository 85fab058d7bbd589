"""The three ways to scale. A version has at most one of them."""

from __future__ import annotations

from flowdeploy.appengine.app_yaml.times import idle_timeout, latency, seconds
from flowdeploy.appengine.forms.schema import (
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

_CPU_UTILIZATION = block(
    {
        "target_utilization": Key(number),
        "aggregation_window_length_sec": Key(seconds(1), "aggregationWindowLength"),
    },
    "cpu_utilization",
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
        # From here on keys that mean something in the flexible environment only.
        "min_num_instances": Key(_AT_LEAST_ONE, "minTotalInstances"),
        "max_num_instances": Key(_AT_LEAST_ONE, "maxTotalInstances"),
        "cool_down_period_sec": Key(seconds(60), "coolDownPeriod"),
        "cpu_utilization": Key(_CPU_UTILIZATION),
        "target_request_count_per_sec": Key(
            _AT_LEAST_ONE, "requestUtilization.targetRequestCountPerSecond"
        ),
        "target_concurrent_requests": Key(
            _AT_LEAST_ONE, "requestUtilization.targetConcurrentRequests"
        ),
        **{
            f"target_{resource}_{what}_{unit}_per_sec": Key(
                _AT_LEAST_ONE,
                f"{resource}Utilization.target{what.capitalize()}{unit.capitalize()}PerSecond",
            )
            for resource, whats, units in (
                ("network", ("sent", "received"), ("bytes", "packets")),
                ("disk", ("write", "read"), ("bytes", "ops")),
            )
            for what in whats
            for unit in units
        },
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
