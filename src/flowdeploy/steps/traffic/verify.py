"""Checks before instances get the traffic of a version, and their health after it."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS
from flowdeploy.appengine.resources import App
from flowdeploy.checks.findings import Finding, group_findings
from flowdeploy.checks.promotion import (
    BeforePromotion,
    Expectation,
    Unready,
    find_expectation,
    promotion_objections,
    promotion_remarks,
)
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.web import Web
from flowdeploy.config.values import HealthConfig
from flowdeploy.errors import ConnectionFailed, Refused, ServiceError
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import Plan, Promote, Verify
from flowdeploy.planning.revisions import revisions_of
from flowdeploy.planning.urls import dark_url, live_url
from flowdeploy.report import State
from flowdeploy.rollout.contract import Done, Notify, Pause, Running, StepFailed
from flowdeploy.rollout.parallel import map_in_threads
from flowdeploy.steps.traffic.health import UNHEALTHY, wait_until_healthy
from flowdeploy.steps.traffic.move import Move

Progress = Callable[[int, int], None]
AwaitConfiguration = Callable[[Instance, Notify], Generator[Pause, None, tuple[str, ...]]]


@dataclass
class Gate:
    """What is known of the instances whose traffic is to be moved.

    ``await_configuration`` waits until an instance's configuration is ready for the traffic
    and returns remarks for the report; it raises Refused where it does not become ready.
    ``health`` is the page that must answer, if one is configured. ``own_descriptors`` is
    whether each instance has a descriptor of its own; ``force`` is whether traffic that was
    changed outside flowdeploy is moved all the same.
    """

    clients: GoogleClients
    await_configuration: AwaitConfiguration
    health: HealthConfig | None = None
    own_descriptors: bool = False
    force: bool = False
    _seen: dict[str, BeforePromotion | ServiceError] = field(default_factory=dict)
    _expected: Expectation = field(default_factory=Expectation)

    def look(self, steps: Sequence[Verify], progress: Progress) -> None:
        """Read all instances, so that each can be compared with the others."""
        looks = map_in_threads(self._look, steps, self.clients.connections)
        for count, (step, seen) in enumerate(looks, 1):
            self._seen[step.instance.id] = seen
            progress(count, len(steps))
        readable = [
            seen
            for step in steps
            if isinstance(seen := self._seen[step.instance.id], BeforePromotion)
        ]
        own = (DEPLOYED_AS,) if self.own_descriptors else ()
        self._expected = find_expectation(readable, own, force=self.force)

    def live_revisions(self, plan: Plan) -> dict[str, str]:
        """The instances that serve the plan's version, or a revision of it, and nothing else:
        which one, by id, where the plan has another. By what `look` has read."""
        live: dict[str, str] = {}
        for step in plan.steps_of(Verify):
            seen = self._seen.get(step.instance.id)
            split = seen.split if isinstance(seen, BeforePromotion) else None
            served = split.only if split else None
            if served and served != step.to.only and revisions_of(str(plan.version), [served]):
                live[step.instance.id] = served
        return live

    def findings(self, steps: Sequence[Verify]) -> tuple[Finding, ...]:
        """What `verify` would refuse by what `look` has read. No page is asked for.

        Raises ConnectionFailed where App Engine cannot be reached.
        """
        return tuple(
            Finding(step.instance.id, message, step.instance.project)
            for step in steps
            for message in self._messages(step)
        )

    def verify(self, step: Verify, notify: Notify) -> Running:
        """Check that the versions are deployed as on the other instances, serving and healthy.

        Raises Refused where they are not, ConnectionFailed where App Engine cannot be reached,
        StepFailed where the health page fails.
        """
        seen = self._require_readable(step)
        if found := promotion_objections(step, seen, self._expected):
            raise Refused(
                "; ".join(found),
                # The same words for every instance, so that equal refusals are shown once.
                hint="`flowdeploy versions --project PROJECT` lists what is deployed;"
                " --skip-unready leaves such instances out.",
            )
        urls = _dark_urls(step, _app(seen))
        for url in urls:
            try:
                yield from self._await_health(url, notify)
            except ServiceError as error:
                raise StepFailed(Unready(error), Done(url=url)) from error
        notes = yield from self._await_configuration(step.instance, notify)
        is_live = seen.split is not None and seen.split.same_as(step.to)
        return Done(
            state=State.LIVE if is_live else State.DARK,
            url=urls[0] if step.to.only else None,
            notes=(*promotion_remarks(step, seen, self._expected), *notes),
        )

    def approve(self, step: Promote, notify: Notify) -> Move:
        """How to move the traffic of an instance that `verify` has passed."""
        seen = self._seen[step.instance.id]
        assert isinstance(seen, BeforePromotion)  # noqa: S101  (`verify` has passed)
        app = _app(seen)

        def await_health() -> Generator[Pause, None, None]:
            for url in _dark_urls(step, app):
                yield from self._await_health(url, notify)

        return Move(self.clients.engine, app, None if self.force else seen.split, await_health)

    def require_health(self, promoted: Sequence[Instance], progress: Progress) -> None:
        """Ask the live pages of instances. Raises ServiceError with all that are not healthy."""
        if self.health is None:
            return
        findings: list[Finding] = []
        answers = map_in_threads(self._check_live_page, promoted, self.clients.connections)
        for count, (instance, error) in enumerate(answers, 1):
            progress(count, len(promoted))
            findings += [Finding(instance.id, error.message, instance.project)] if error else []
        if findings:
            raise ServiceError(
                UNHEALTHY,
                f"{len(findings)} of {len(promoted)} instances are not healthy with their traffic",
                details=group_findings(sorted(findings, key=lambda finding: finding.instance)),
                hint="`flowdeploy rollback` gives instances back what they served before.",
            )

    def _look(self, step: Verify) -> BeforePromotion | ServiceError:
        engine, where = self.clients.engine, (step.instance.project, step.instance.service)
        try:
            app = engine.app(step.instance.project)
            if app is None:
                return BeforePromotion(None)
            versions = {v: engine.find_version(*where, v, settings=False) for v in step.to.live}
            return BeforePromotion(app, engine.split(*where), versions)
        except ServiceError as error:
            return error

    def _require_readable(self, step: Verify) -> BeforePromotion:
        seen = self._seen[step.instance.id]
        if isinstance(seen, ServiceError):
            raise seen if isinstance(seen, ConnectionFailed) else Unready(seen)
        return seen

    def _messages(self, step: Verify) -> tuple[str, ...]:
        try:
            return promotion_objections(step, self._require_readable(step), self._expected)
        except Unready as error:
            return (f"{error.code}: {error.message}",)

    def _await_configuration(
        self, instance: Instance, notify: Notify
    ) -> Generator[Pause, None, tuple[str, ...]]:
        try:
            return (yield from self.await_configuration(instance, notify))
        except ServiceError as error:
            raise error if isinstance(error, ConnectionFailed) else Unready(error) from error

    def _check_live_page(self, instance: Instance) -> ServiceError | None:
        """Asks at Google's own name: a custom domain may lead elsewhere first."""
        seen = self._seen[instance.id]
        assert isinstance(seen, BeforePromotion)  # noqa: S101  (it was promoted)
        try:
            url = live_url(instance.service, _app(seen).default_hostname)
            for pause in self._await_health(url, lambda _: None):
                time.sleep(pause.seconds)
        except ServiceError as error:
            return error
        return None

    def _await_health(self, url: str, notify: Notify) -> Generator[Pause, None, None]:
        if self.health is not None:
            yield from wait_until_healthy(self._web, url, self.health, notify)

    @cached_property
    def _web(self) -> Web:
        return Web(self.clients.endpoints.web, self.clients.connections)


def _app(seen: BeforePromotion) -> App:
    assert seen.app is not None  # noqa: S101  (a missing application is an objection)
    return seen.app


def _dark_urls(step: Verify | Promote, app: App) -> list[str]:
    """Where the versions that get traffic can be reached without it."""
    return [dark_url(v, step.instance.service, app.default_hostname) for v in step.to.live]
