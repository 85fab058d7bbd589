"""The resources of the App Engine Admin API, version 1, field by field.

Source: Google's discovery document, appengine v1. A test compares them.
"""

from __future__ import annotations

from flowdeploy.sandbox.appengine.enums import (
    APP_STATUS,
    AUTH_FAIL_ACTION,
    BUNDLED_SERVICE,
    DATABASE,
    EGRESS,
    ERROR_CODE,
    INBOUND_SERVICE,
    INGRESS,
    IP_MODE,
    LOGIN,
    REDIRECT_CODE,
    ROLLOUT,
    SECURITY_LEVEL,
    SHARD_BY,
    SSL_POLICY,
    VERSION_STATUS,
    VPC_EGRESS,
)
from flowdeploy.sandbox.messages import (
    BOOL,
    DOUBLE,
    DURATION,
    INT32,
    INT64,
    STRING,
    TIMESTAMP,
    UINT32,
    Map,
    Message,
    Repeated,
)

API_CONFIG = Message(
    "ApiConfigHandler",
    {
        "authFailAction": AUTH_FAIL_ACTION,
        "login": LOGIN,
        "script": STRING,
        "securityLevel": SECURITY_LEVEL,
        "url": STRING,
    },
)
CPU_UTILIZATION = Message(
    "CpuUtilization", {"aggregationWindowLength": DURATION, "targetUtilization": DOUBLE}
)
DISK_UTILIZATION = Message(
    "DiskUtilization",
    {
        "targetReadBytesPerSecond": INT32,
        "targetReadOpsPerSecond": INT32,
        "targetWriteBytesPerSecond": INT32,
        "targetWriteOpsPerSecond": INT32,
    },
)
NETWORK_UTILIZATION = Message(
    "NetworkUtilization",
    {
        "targetReceivedBytesPerSecond": INT32,
        "targetReceivedPacketsPerSecond": INT32,
        "targetSentBytesPerSecond": INT32,
        "targetSentPacketsPerSecond": INT32,
    },
)
REQUEST_UTILIZATION = Message(
    "RequestUtilization",
    {"targetConcurrentRequests": INT32, "targetRequestCountPerSecond": INT32},
)
STANDARD_SCHEDULER = Message(
    "StandardSchedulerSettings",
    {
        "maxInstances": INT32,
        "minInstances": INT32,
        "targetCpuUtilization": DOUBLE,
        "targetThroughputUtilization": DOUBLE,
    },
)
AUTOMATIC_SCALING = Message(
    "AutomaticScaling",
    {
        "coolDownPeriod": DURATION,
        "cpuUtilization": CPU_UTILIZATION,
        "diskUtilization": DISK_UTILIZATION,
        "maxConcurrentRequests": INT32,
        "maxIdleInstances": INT32,
        "maxPendingLatency": DURATION,
        "maxTotalInstances": INT32,
        "minIdleInstances": INT32,
        "minPendingLatency": DURATION,
        "minTotalInstances": INT32,
        "networkUtilization": NETWORK_UTILIZATION,
        "requestUtilization": REQUEST_UTILIZATION,
        "standardSchedulerSettings": STANDARD_SCHEDULER,
    },
)
FILE = Message("FileInfo", {"mimeType": STRING, "sha1Sum": STRING, "sourceUrl": STRING})
DEPLOYMENT = Message(
    "Deployment",
    {
        "cloudBuildOptions": Message(
            "CloudBuildOptions", {"appYamlPath": STRING, "cloudBuildTimeout": DURATION}
        ),
        "container": Message("ContainerInfo", {"image": STRING}),
        "files": Map(FILE),
        "zip": Message("ZipInfo", {"filesCount": INT32, "sourceUrl": STRING}),
    },
)
STATIC_FILES = Message(
    "StaticFilesHandler",
    {
        "applicationReadable": BOOL,
        "expiration": DURATION,
        "httpHeaders": Map(STRING),
        "mimeType": STRING,
        "path": STRING,
        "requireMatchingFile": BOOL,
        "uploadPathRegex": STRING,
    },
)
HANDLER = Message(
    "UrlMap",
    {
        "apiEndpoint": Message("ApiEndpointHandler", {"scriptPath": STRING}),
        "authFailAction": AUTH_FAIL_ACTION,
        "login": LOGIN,
        "redirectHttpResponseCode": REDIRECT_CODE,
        "script": Message("ScriptHandler", {"scriptPath": STRING}),
        "securityLevel": SECURITY_LEVEL,
        "staticFiles": STATIC_FILES,
        "urlRegex": STRING,
    },
)
HEALTH_CHECK = Message(
    "HealthCheck",
    {
        "checkInterval": DURATION,
        "disableHealthCheck": BOOL,
        "healthyThreshold": UINT32,
        "host": STRING,
        "restartThreshold": UINT32,
        "timeout": DURATION,
        "unhealthyThreshold": UINT32,
    },
)
LIVENESS_CHECK = Message(
    "LivenessCheck",
    {
        "checkInterval": DURATION,
        "failureThreshold": UINT32,
        "host": STRING,
        "initialDelay": DURATION,
        "path": STRING,
        "successThreshold": UINT32,
        "timeout": DURATION,
    },
)
READINESS_CHECK = Message(
    "ReadinessCheck",
    {
        "appStartTimeout": DURATION,
        "checkInterval": DURATION,
        "failureThreshold": UINT32,
        "host": STRING,
        "path": STRING,
        "successThreshold": UINT32,
        "timeout": DURATION,
    },
)
NETWORK = Message(
    "Network",
    {
        "forwardedPorts": Repeated(STRING),
        "instanceIpMode": IP_MODE,
        "instanceTag": STRING,
        "name": STRING,
        "sessionAffinity": BOOL,
        "subnetworkName": STRING,
    },
)
RESOURCES = Message(
    "Resources",
    {
        "cpu": DOUBLE,
        "diskGb": DOUBLE,
        "kmsKeyReference": STRING,
        "memoryGb": DOUBLE,
        "volumes": Repeated(
            Message("Volume", {"name": STRING, "sizeGb": DOUBLE, "volumeType": STRING})
        ),
    },
)
VPC_INTERFACE = Message(
    "VpcNetworkInterface", {"network": STRING, "subnet": STRING, "tags": Repeated(STRING)}
)
VERSION = Message(
    "Version",
    {
        "apiConfig": API_CONFIG,
        "appEngineApis": BOOL,
        "appEngineBundledServices": Repeated(BUNDLED_SERVICE),
        "automaticScaling": AUTOMATIC_SCALING,
        "basicScaling": Message("BasicScaling", {"idleTimeout": DURATION, "maxInstances": INT32}),
        "betaSettings": Map(STRING),
        "buildEnvVariables": Map(STRING),
        "createTime": TIMESTAMP,
        "createdBy": STRING,
        "defaultExpiration": DURATION,
        "deployment": DEPLOYMENT,
        "diskUsageBytes": INT64,
        "endpointsApiService": Message(
            "EndpointsApiService",
            {
                "configId": STRING,
                "disableTraceSampling": BOOL,
                "name": STRING,
                "rolloutStrategy": ROLLOUT,
            },
        ),
        "entrypoint": Message("Entrypoint", {"shell": STRING}),
        "env": STRING,
        "envVariables": Map(STRING),
        "errorHandlers": Repeated(
            Message(
                "ErrorHandler",
                {"errorCode": ERROR_CODE, "mimeType": STRING, "staticFile": STRING},
            )
        ),
        "flexibleRuntimeSettings": Message(
            "FlexibleRuntimeSettings", {"operatingSystem": STRING, "runtimeVersion": STRING}
        ),
        "generatedCustomerMetadata": Map(STRING),
        "handlers": Repeated(HANDLER),
        "healthCheck": HEALTH_CHECK,
        "id": STRING,
        "inboundServices": Repeated(INBOUND_SERVICE),
        "instanceClass": STRING,
        "libraries": Repeated(Message("Library", {"name": STRING, "version": STRING})),
        "livenessCheck": LIVENESS_CHECK,
        "manualScaling": Message("ManualScaling", {"instances": INT32}),
        "name": STRING,
        "network": NETWORK,
        "nobuildFilesRegex": STRING,
        "readinessCheck": READINESS_CHECK,
        "resources": RESOURCES,
        "runtime": STRING,
        "runtimeApiVersion": STRING,
        "runtimeChannel": STRING,
        "runtimeMainExecutablePath": STRING,
        "serviceAccount": STRING,
        "servingStatus": VERSION_STATUS,
        "threadsafe": BOOL,
        "versionUrl": STRING,
        "vm": BOOL,
        "vpcAccess": Message(
            "VpcAccess", {"networkInterfaces": Repeated(VPC_INTERFACE), "vpcEgress": VPC_EGRESS}
        ),
        "vpcAccessConnector": Message(
            "VpcAccessConnector", {"egressSetting": EGRESS, "name": STRING}
        ),
        "zones": Repeated(STRING),
    },
    output_only=frozenset(
        {
            *("createTime", "createdBy", "diskUsageBytes", "generatedCustomerMetadata"),
            *("name", "versionUrl"),
        }
    ),
)

# "Only returned in GET requests if view=FULL is set", says the discovery document.
FULL_ONLY = frozenset(
    {
        "apiConfig",
        "buildEnvVariables",
        "defaultExpiration",
        "deployment",
        "envVariables",
        "errorHandlers",
        "handlers",
        "libraries",
        "nobuildFilesRegex",
    }
)

TRAFFIC_SPLIT = Message("TrafficSplit", {"allocations": Map(DOUBLE), "shardBy": SHARD_BY})
SERVICE = Message(
    "Service",
    {
        "generatedCustomerMetadata": Map(STRING),
        "id": STRING,
        "labels": Map(STRING),
        "name": STRING,
        "networkSettings": Message("NetworkSettings", {"ingressTrafficAllowed": INGRESS}),
        "split": TRAFFIC_SPLIT,
    },
    output_only=frozenset({"generatedCustomerMetadata", "id", "name"}),
)

DISPATCH_RULE = Message("UrlDispatchRule", {"domain": STRING, "path": STRING, "service": STRING})
APPLICATION = Message(
    "Application",
    {
        "authDomain": STRING,
        "codeBucket": STRING,
        "databaseType": DATABASE,
        "defaultBucket": STRING,
        "defaultCookieExpiration": DURATION,
        "defaultHostname": STRING,
        "dispatchRules": Repeated(DISPATCH_RULE),
        "featureSettings": Message(
            "FeatureSettings", {"splitHealthChecks": BOOL, "useContainerOptimizedOs": BOOL}
        ),
        "gcrDomain": STRING,
        "generatedCustomerMetadata": Map(STRING),
        "iap": Message(
            "IdentityAwareProxy",
            {
                "enabled": BOOL,
                "oauth2ClientId": STRING,
                "oauth2ClientSecret": STRING,
                "oauth2ClientSecretSha256": STRING,
            },
        ),
        "id": STRING,
        "locationId": STRING,
        "name": STRING,
        "serviceAccount": STRING,
        "servingStatus": APP_STATUS,
        "sslPolicy": SSL_POLICY,
    },
    output_only=frozenset(
        {
            *("codeBucket", "defaultBucket", "defaultHostname", "gcrDomain"),
            *("generatedCustomerMetadata", "name"),
        }
    ),
)
