"""Looking whether instances can be given their traffic, and whether they are well with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS
from flowdeploy.appengine.resources import App
from flowdeploy.checks.deploy import Finding, grouped
from flowdeploy.checks.promotion import (
    BeforePromotion,
    Expected,
    Unready,
    expected,
    objections,
    remarks,
)
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.web import Web
from flowdeploy.config import HealthConfig
from flowdeploy.errors import ConnectionFailed, Refused, ServiceError
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import Promote, Verify
from flowdeploy.planning.urls import dark_url, live_url
from flowdeploy.report import State
from flowdeploy.rollout import Done, Notify, Pause, Running, StepFailed
from flowdeploy.rollout.parallel import together
from flowdeploy.steps import observe
from flowdeploy.steps.traffic.health import UNHEALTHY, healthy
from flowdeploy.steps.traffic.move import Move, promote

Progress = Callable[[int, int], None]


@dataclass
class Gate:
    """What is known of instances whose traffic is to be moved.

    ``configuration`` waits until that of an instance is ready for its traffic, and gives
    back what a person should know of it; it raises Refused where it is not ready.
    ``health`` is the page that must answer, if one is configured; ``own_descriptors`` is
    whether instances have one file of their own; ``force`` is that it does not matter
    what they serve by now.
    """

    cloud: GoogleClients
    configuration: Callable[[Instance, Notify], Generator[Pause, None, tuple[str, ...]]]
    health: HealthConfig | None = None
    own_descriptors: bool = False
    force: bool = False
    _seen: dict[str, BeforePromotion | ServiceError] = field(default_factory=dict)
    _expected: Expected = field(default_factory=Expected)

    def look(self, steps: Sequence[Verify], progress: Progress) -> None:
        """Read every instance, so that each can be compared with all others."""
        for count, (step, seen) in enumerate(
            together(self._look, steps, self.cloud.connections), 1
        ):
            self._seen[step.instance.id] = seen
            progress(count, len(steps))
        looked = (self._seen[step.instance.id] for step in steps)
        prospects = [seen for seen in looked if isinstance(seen, BeforePromotion)]
        own = (DEPLOYED_AS,) if self.own_descriptors else ()
        self._expected = expected(prospects, own, force=self.force)

    def verify(self, step: Verify, notify: Notify) -> Running:
        """Whether the versions are there, as on the other instances, serving and well.

        Raises Refused where they are not, and ServiceError where nobody can be asked.
        """
        seen = self._seen[step.instance.id]
        if isinstance(seen, ServiceError):
            raise seen if isinstance(seen, ConnectionFailed) else Unready(seen)
        if found := objections(step, seen, self._expected):
            raise Refused(
                "; ".join(found),
                # The same words for every instance, so that many refusals are shown as one.
                hint="`flowdeploy versions --project PROJECT` lists what is deployed;"
                " --skip-unready leaves such instances out.",
            )
        assert seen.app is not None  # noqa: S101  (objections)
        urls = _dark_urls(step, seen.app)
        for url in urls:
            try:
                yield from self._well(url, notify)
            except ServiceError as error:
                raise StepFailed(Unready(error), Done(url=url)) from error
        notes = yield from self._configurable(step.instance, notify)
        live = seen.split is not None and seen.split.same_as(step.to)
        return Done(
            state=State.LIVE if live else State.DARK,
            url=urls[0] if step.to.only else None,
            notes=(*remarks(step, seen, self._expected), *notes),
        )

    def promote(self, step: Promote, notify: Notify) -> Running:
        """Move the traffic of an instance that has passed; see `promote.promote`."""
        return promote(self._move(step, notify), step, notify)

    def require_well(self, promoted: Sequence[Instance], progress: Progress) -> None:
        """Ask the live pages. Raises ServiceError with all instances that are not well."""
        if self.health is None:
            return
        findings: list[Finding] = []
        answers = together(self._ask_live, promoted, self.cloud.connections)
        for count, (instance, error) in enumerate(answers, 1):
            progress(count, len(promoted))
            findings += [Finding(instance.id, error.message)] if error else []
        if findings:
            raise ServiceError(
                UNHEALTHY,
                f"{len(findings)} of {len(promoted)} instances are not well with their traffic",
                details=grouped(sorted(findings, key=lambda finding: finding.instance)),
                hint="`flowdeploy rollback` gives instances back what they served before.",
            )

    def _configurable(
        self, instance: Instance, notify: Notify
    ) -> Generator[Pause, None, tuple[str, ...]]:
        try:
            return (yield from self.configuration(instance, notify))
        except ServiceError as error:
            raise error if isinstance(error, ConnectionFailed) else Unready(error) from error

    def _move(self, step: Promote, notify: Notify) -> Move:
        seen = self._seen[step.instance.id]
        assert isinstance(seen, BeforePromotion)  # noqa: S101  (its verification has passed)
        app = seen.app
        assert app is not None  # noqa: S101  (its verification has passed)

        def well() -> Generator[Pause, None, None]:
            for url in _dark_urls(step, app):
                yield from self._well(url, notify)

        return Move(self.cloud.engine, app, None if self.force else seen.split, well)

    def _look(self, step: Verify) -> BeforePromotion | ServiceError:
        try:
            return observe.before_promotion(self.cloud.engine, step.instance, step.to)
        except ServiceError as error:
            return error

    def _ask_live(self, instance: Instance) -> ServiceError | None:
        """At Google's name for it: a domain of its own may lead elsewhere first."""
        seen = self._seen[instance.id]
        assert isinstance(seen, BeforePromotion)  # noqa: S101  (it was promoted)
        assert seen.app is not None  # noqa: S101  (it was promoted)
        url = live_url(instance.service, seen.app.default_hostname)
        try:
            for pause in self._well(url, lambda _: None):
                time.sleep(pause.seconds)
        except ServiceError as error:
            return error
        return None

    def _well(self, url: str, notify: Notify) -> Generator[Pause, None, None]:
        if self.health is not None:
            yield from healthy(self._web, url, self.health, notify)

    @cached_property
    def _web(self) -> Web:
        return Web(self.cloud.endpoints.web, self.cloud.connections)


def _dark_urls(step: Verify | Promote, app: App) -> list[str]:
    """Where the versions that are to get traffic answer without it."""
    return [dark_url(v, step.instance.service, app.default_hostname) for v in step.to.live]
