"""What the gate would refuse, by all that can be read before anything is begun."""

from __future__ import annotations

from collections.abc import Sequence

from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS
from flowdeploy.checks.deploy import Finding
from flowdeploy.checks.promotion import BeforePromotion, Expected, expected, objections
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.errors import ConnectionFailed, ServiceError
from flowdeploy.planning.plan import Verify
from flowdeploy.rollout.parallel import together
from flowdeploy.steps import observe


def foreseen(
    cloud: GoogleClients, steps: Sequence[Verify], *, own_descriptors: bool, force: bool
) -> tuple[Finding, ...]:
    """The objections to these steps; no page of an instance is asked for.

    Raises ServiceError where nobody can be asked.

    ``own_descriptors`` and ``force`` are as for `verify.Gate`.
    """

    def look(step: Verify) -> BeforePromotion | ServiceError:
        try:
            return observe.before_promotion(cloud.engine, step.instance, step.to)
        except ServiceError as error:
            if isinstance(error, ConnectionFailed):
                raise
            return error

    seen = {step.instance.id: found for step, found in together(look, steps, cloud.connections)}
    own = (DEPLOYED_AS,) if own_descriptors else ()
    looked = (seen[step.instance.id] for step in steps)
    prospects = (found for found in looked if isinstance(found, BeforePromotion))
    wanted = expected(prospects, own, force=force)
    return tuple(
        Finding(step.instance.id, message)
        for step in steps
        for message in _objections(step, seen[step.instance.id], wanted)
    )


def _objections(
    step: Verify, seen: BeforePromotion | ServiceError, wanted: Expected
) -> tuple[str, ...]:
    if isinstance(seen, ServiceError):
        return (f"{seen.code}: {seen.message}",)
    return objections(step, seen, wanted)
