"""The resources of the App Engine Admin API, version 1, field by field.

Source: Google's discovery document, appengine v1; the numbers of the enums are those of
google.appengine.v1 (googleapis/googleapis). A test compares both.
"""

from __future__ import annotations

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
    enum,
)

INBOUND_SERVICE = enum(
    "appengine.v1.InboundServiceType",
    "INBOUND_SERVICE_UNSPECIFIED INBOUND_SERVICE_MAIL INBOUND_SERVICE_MAIL_BOUNCE "
    "INBOUND_SERVICE_XMPP_ERROR INBOUND_SERVICE_XMPP_MESSAGE INBOUND_SERVICE_XMPP_SUBSCRIBE "
    "INBOUND_SERVICE_XMPP_PRESENCE INBOUND_SERVICE_CHANNEL_PRESENCE INBOUND_SERVICE_WARMUP",
    (0, 1, 2, 3, 4, 5, 6, 7, 9),
)
BUNDLED_SERVICE = enum(
    "appengine.v1.BundledServiceType",
    "BUNDLED_SERVICE_TYPE_UNSPECIFIED BUNDLED_SERVICE_TYPE_APP_IDENTITY_SERVICE "
    "BUNDLED_SERVICE_TYPE_BLOBSTORE BUNDLED_SERVICE_TYPE_CAPABILITY_SERVICE "
    "BUNDLED_SERVICE_TYPE_DATASTORE_V3 BUNDLED_SERVICE_TYPE_DEFERRED "
    "BUNDLED_SERVICE_TYPE_IMAGES BUNDLED_SERVICE_TYPE_MAIL BUNDLED_SERVICE_TYPE_MEMCACHE "
    "BUNDLED_SERVICE_TYPE_MODULES BUNDLED_SERVICE_TYPE_NAMESPACES BUNDLED_SERVICE_TYPE_NDB "
    "BUNDLED_SERVICE_TYPE_SEARCH BUNDLED_SERVICE_TYPE_TASKQUEUES "
    "BUNDLED_SERVICE_TYPE_URLFETCH BUNDLED_SERVICE_TYPE_USERS",
)
VERSION_STATUS = enum("appengine.v1.ServingStatus", "SERVING_STATUS_UNSPECIFIED SERVING STOPPED")
AUTH_FAIL_ACTION = enum(
    "appengine.v1.AuthFailAction",
    "AUTH_FAIL_ACTION_UNSPECIFIED AUTH_FAIL_ACTION_REDIRECT AUTH_FAIL_ACTION_UNAUTHORIZED",
)
LOGIN = enum(
    "appengine.v1.LoginRequirement", "LOGIN_UNSPECIFIED LOGIN_OPTIONAL LOGIN_ADMIN LOGIN_REQUIRED"
)
SECURITY_LEVEL = enum(
    "appengine.v1.SecurityLevel",
    "SECURE_UNSPECIFIED SECURE_DEFAULT SECURE_NEVER SECURE_OPTIONAL SECURE_ALWAYS",
    (0, 0, 1, 2, 3),
)
REDIRECT_CODE = enum(
    "appengine.v1.UrlMap.RedirectHttpResponseCode",
    "REDIRECT_HTTP_RESPONSE_CODE_UNSPECIFIED REDIRECT_HTTP_RESPONSE_CODE_301 "
    "REDIRECT_HTTP_RESPONSE_CODE_302 REDIRECT_HTTP_RESPONSE_CODE_303 "
    "REDIRECT_HTTP_RESPONSE_CODE_307",
)
ERROR_CODE = enum(
    "appengine.v1.ErrorHandler.ErrorCode",
    "ERROR_CODE_UNSPECIFIED ERROR_CODE_DEFAULT ERROR_CODE_OVER_QUOTA "
    "ERROR_CODE_DOS_API_DENIAL ERROR_CODE_TIMEOUT",
    (0, 0, 1, 2, 3),
)
EGRESS = enum(
    "appengine.v1.VpcAccessConnector.EgressSetting",
    "EGRESS_SETTING_UNSPECIFIED ALL_TRAFFIC PRIVATE_IP_RANGES",
)
VPC_EGRESS = enum(
    "appengine.v1.VpcAccess.VpcEgress", "VPC_EGRESS_UNSPECIFIED ALL_TRAFFIC PRIVATE_IP_RANGES"
)
IP_MODE = enum(
    "appengine.v1.Network.InstanceIpMode", "INSTANCE_IP_MODE_UNSPECIFIED EXTERNAL INTERNAL"
)
ROLLOUT = enum(
    "appengine.v1.EndpointsApiService.RolloutStrategy",
    "UNSPECIFIED_ROLLOUT_STRATEGY FIXED MANAGED",
)
SHARD_BY = enum("appengine.v1.TrafficSplit.ShardBy", "UNSPECIFIED COOKIE IP RANDOM")
INGRESS = enum(
    "appengine.v1.NetworkSettings.IngressTrafficAllowed",
    "INGRESS_TRAFFIC_ALLOWED_UNSPECIFIED INGRESS_TRAFFIC_ALLOWED_ALL "
    "INGRESS_TRAFFIC_ALLOWED_INTERNAL_ONLY INGRESS_TRAFFIC_ALLOWED_INTERNAL_AND_LB",
)
APP_STATUS = enum(
    "appengine.v1.Application.ServingStatus", "UNSPECIFIED SERVING USER_DISABLED SYSTEM_DISABLED"
)
DATABASE = enum(
    "appengine.v1.Application.DatabaseType",
    "DATABASE_TYPE_UNSPECIFIED CLOUD_DATASTORE CLOUD_FIRESTORE CLOUD_DATASTORE_COMPATIBILITY",
)
SSL_POLICY = enum("appengine.v1.Application.SslPolicy", "SSL_POLICY_UNSPECIFIED DEFAULT MODERN")

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
