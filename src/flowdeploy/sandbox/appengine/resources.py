"""The resources of the App Engine Admin API, version 1, field by field.

Source: Google's discovery document, appengine v1. A test compares them.
"""

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
from flowdeploy.sandbox.google_api.messages import (
    BOOL,
    DOUBLE,
    DURATION,
    INT32,
    INT64,
    STRING,
    TIMESTAMP,
    UINT32,
    ListOf,
    MapOf,
    MessageType,
)

API_CONFIG = MessageType(
    "ApiConfigHandler",
    {
        "authFailAction": AUTH_FAIL_ACTION,
        "login": LOGIN,
        "script": STRING,
        "securityLevel": SECURITY_LEVEL,
        "url": STRING,
    },
)
CPU_UTILIZATION = MessageType(
    "CpuUtilization", {"aggregationWindowLength": DURATION, "targetUtilization": DOUBLE}
)
DISK_UTILIZATION = MessageType(
    "DiskUtilization",
    {
        "targetReadBytesPerSecond": INT32,
        "targetReadOpsPerSecond": INT32,
        "targetWriteBytesPerSecond": INT32,
        "targetWriteOpsPerSecond": INT32,
    },
)
NETWORK_UTILIZATION = MessageType(
    "NetworkUtilization",
    {
        "targetReceivedBytesPerSecond": INT32,
        "targetReceivedPacketsPerSecond": INT32,
        "targetSentBytesPerSecond": INT32,
        "targetSentPacketsPerSecond": INT32,
    },
)
REQUEST_UTILIZATION = MessageType(
    "RequestUtilization",
    {"targetConcurrentRequests": INT32, "targetRequestCountPerSecond": INT32},
)
STANDARD_SCHEDULER = MessageType(
    "StandardSchedulerSettings",
    {
        "maxInstances": INT32,
        "minInstances": INT32,
        "targetCpuUtilization": DOUBLE,
        "targetThroughputUtilization": DOUBLE,
    },
)
AUTOMATIC_SCALING = MessageType(
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
FILE = MessageType("FileInfo", {"mimeType": STRING, "sha1Sum": STRING, "sourceUrl": STRING})
DEPLOYMENT = MessageType(
    "Deployment",
    {
        "cloudBuildOptions": MessageType(
            "CloudBuildOptions", {"appYamlPath": STRING, "cloudBuildTimeout": DURATION}
        ),
        "container": MessageType("ContainerInfo", {"image": STRING}),
        "files": MapOf(FILE),
        "zip": MessageType("ZipInfo", {"filesCount": INT32, "sourceUrl": STRING}),
    },
)
STATIC_FILES = MessageType(
    "StaticFilesHandler",
    {
        "applicationReadable": BOOL,
        "expiration": DURATION,
        "httpHeaders": MapOf(STRING),
        "mimeType": STRING,
        "path": STRING,
        "requireMatchingFile": BOOL,
        "uploadPathRegex": STRING,
    },
)
HANDLER = MessageType(
    "UrlMap",
    {
        "apiEndpoint": MessageType("ApiEndpointHandler", {"scriptPath": STRING}),
        "authFailAction": AUTH_FAIL_ACTION,
        "login": LOGIN,
        "redirectHttpResponseCode": REDIRECT_CODE,
        "script": MessageType("ScriptHandler", {"scriptPath": STRING}),
        "securityLevel": SECURITY_LEVEL,
        "staticFiles": STATIC_FILES,
        "urlRegex": STRING,
    },
)
HEALTH_CHECK = MessageType(
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
LIVENESS_CHECK = MessageType(
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
READINESS_CHECK = MessageType(
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
NETWORK = MessageType(
    "Network",
    {
        "forwardedPorts": ListOf(STRING),
        "instanceIpMode": IP_MODE,
        "instanceTag": STRING,
        "name": STRING,
        "sessionAffinity": BOOL,
        "subnetworkName": STRING,
    },
)
RESOURCES = MessageType(
    "Resources",
    {
        "cpu": DOUBLE,
        "diskGb": DOUBLE,
        "kmsKeyReference": STRING,
        "memoryGb": DOUBLE,
        "volumes": ListOf(
            MessageType("Volume", {"name": STRING, "sizeGb": DOUBLE, "volumeType": STRING})
        ),
    },
)
VPC_INTERFACE = MessageType(
    "VpcNetworkInterface", {"network": STRING, "subnet": STRING, "tags": ListOf(STRING)}
)
VERSION = MessageType(
    "Version",
    {
        "apiConfig": API_CONFIG,
        "appEngineApis": BOOL,
        "appEngineBundledServices": ListOf(BUNDLED_SERVICE),
        "automaticScaling": AUTOMATIC_SCALING,
        "basicScaling": MessageType(
            "BasicScaling", {"idleTimeout": DURATION, "maxInstances": INT32}
        ),
        "betaSettings": MapOf(STRING),
        "buildEnvVariables": MapOf(STRING),
        "createTime": TIMESTAMP,
        "createdBy": STRING,
        "defaultExpiration": DURATION,
        "deployment": DEPLOYMENT,
        "diskUsageBytes": INT64,
        "endpointsApiService": MessageType(
            "EndpointsApiService",
            {
                "configId": STRING,
                "disableTraceSampling": BOOL,
                "name": STRING,
                "rolloutStrategy": ROLLOUT,
            },
        ),
        "entrypoint": MessageType("Entrypoint", {"shell": STRING}),
        "env": STRING,
        "envVariables": MapOf(STRING),
        "errorHandlers": ListOf(
            MessageType(
                "ErrorHandler",
                {"errorCode": ERROR_CODE, "mimeType": STRING, "staticFile": STRING},
            )
        ),
        "flexibleRuntimeSettings": MessageType(
            "FlexibleRuntimeSettings", {"operatingSystem": STRING, "runtimeVersion": STRING}
        ),
        "generatedCustomerMetadata": MapOf(STRING),
        "handlers": ListOf(HANDLER),
        "healthCheck": HEALTH_CHECK,
        "id": STRING,
        "inboundServices": ListOf(INBOUND_SERVICE),
        "instanceClass": STRING,
        "libraries": ListOf(MessageType("Library", {"name": STRING, "version": STRING})),
        "livenessCheck": LIVENESS_CHECK,
        "manualScaling": MessageType("ManualScaling", {"instances": INT32}),
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
        "vpcAccess": MessageType(
            "VpcAccess", {"networkInterfaces": ListOf(VPC_INTERFACE), "vpcEgress": VPC_EGRESS}
        ),
        "vpcAccessConnector": MessageType(
            "VpcAccessConnector", {"egressSetting": EGRESS, "name": STRING}
        ),
        "zones": ListOf(STRING),
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

TRAFFIC_SPLIT = MessageType("TrafficSplit", {"allocations": MapOf(DOUBLE), "shardBy": SHARD_BY})
SERVICE = MessageType(
    "Service",
    {
        "generatedCustomerMetadata": MapOf(STRING),
        "id": STRING,
        "labels": MapOf(STRING),
        "name": STRING,
        "networkSettings": MessageType("NetworkSettings", {"ingressTrafficAllowed": INGRESS}),
        "split": TRAFFIC_SPLIT,
    },
    output_only=frozenset({"generatedCustomerMetadata", "id", "name"}),
)

DISPATCH_RULE = MessageType(
    "UrlDispatchRule", {"domain": STRING, "path": STRING, "service": STRING}
)
APPLICATION = MessageType(
    "Application",
    {
        "authDomain": STRING,
        "codeBucket": STRING,
        "databaseType": DATABASE,
        "defaultBucket": STRING,
        "defaultCookieExpiration": DURATION,
        "defaultHostname": STRING,
        "dispatchRules": ListOf(DISPATCH_RULE),
        "featureSettings": MessageType(
            "FeatureSettings", {"splitHealthChecks": BOOL, "useContainerOptimizedOs": BOOL}
        ),
        "gcrDomain": STRING,
        "generatedCustomerMetadata": MapOf(STRING),
        "iap": MessageType(
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
