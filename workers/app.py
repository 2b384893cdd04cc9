"""Dejalog's Celery application: `celery -A workers.app worker -Q patterns,incidents,embed,maintenance`, and `… beat`.

Its configuration is read when it is first needed, not at import.
"""

from typing import Any

from celery import Celery

from workers.composition import JobSettings, installed_composition

QUEUES = {"patterns": "patterns", "incidents": "incidents", "embed": "embed"}
"""The queue of a step; the others are in `maintenance`."""
VISIBLE_AGAIN_S = 3600
"""When Celery sends a task again whose worker was lost; it finds nothing to do, beat was there long before."""
TASKS = ("advance", "patterns", "incidents", "embed", "publish", "maintain", "retain")


def queue_of(step: str) -> str:
    """Where a step's task waits."""
    return QUEUES.get(step, "maintenance")


def task_name(step: str) -> str:
    """As Celery knows it."""
    return f"dejalog.{step}"


def configuration(settings: JobSettings) -> dict[str, Any]:
    """Celery's settings."""
    redis_options = {"global_keyprefix": f"{settings.prefix}:celery:", "visibility_timeout": VISIBLE_AGAIN_S}
    times = {
        "advance": settings.advance_every_s,
        "maintain": settings.maintain_every_s,
        "retain": settings.retain_every_s,
    }
    return {
        "broker_url": settings.redis_url,
        "result_backend": settings.redis_url,
        "broker_transport_options": redis_options,
        "result_backend_transport_options": redis_options,
        "broker_connection_retry_on_startup": True,
        "task_routes": {task_name(step): {"queue": queue_of(step)} for step in TASKS},
        "task_track_started": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_pool": "threads",  # one process owns the embedded store; the heavy parts leave Python's lock
        "worker_concurrency": 2,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "result_expires": 3600,
        "beat_schedule": {
            step: {
                "task": task_name(step),
                "schedule": every_s,
                "options": {"expires": max(every_s, 1.0)},  # a nudge that waited is as good as the next one
            }
            for step, every_s in times.items()
        },
    }


class NearlineApp(Celery):  # type: ignore[misc]  # Celery publishes no types
    """Celery, configured by the installed composition unless a test has given it another."""

    def on_configure(self) -> None:
        """Called by Celery when its configuration is first needed."""
        if self._config_source is None:
            self.config_from_object(configuration(installed_composition().job_settings()))


app = NearlineApp("dejalog", include=["workers.tasks", "workers.watched"])
