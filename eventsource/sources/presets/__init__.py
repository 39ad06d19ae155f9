"""Presets: the formats that are read without a mapping, by name or by themselves.

A preset is a mapping, and perhaps a function that makes records of a line. What is given beside it takes
precedence: ``source(path, preset="stripe", stream="data.object.customer")``.
"""

from collections.abc import Mapping
from typing import Any, Final

from eventsource.errors import SourceError
from eventsource.messages import suggestion
from eventsource.sources._values import members, plain
from eventsource.sources.presets._cloud_events import CLOUD_EVENTS
from eventsource.sources.presets._debezium import DEBEZIUM
from eventsource.sources.presets._ocel import OCEL
from eventsource.sources.presets._preset import Preset, has
from eventsource.sources.presets._segment import SEGMENT
from eventsource.sources.presets._snowplow import SNOWPLOW
from eventsource.sources.presets._xes import XES

__all__ = ["PRESETS", "Preset", "preset_named", "recognised"]

_ENVELOPE: Final = frozenset({"stream", "occurred_at"})


def _is_stripe_event(line: Mapping[str, Any]) -> bool:
    return "object" in line and "created" in line and plain(line["object"]) == "event"


def _is_mixpanel(line: Mapping[str, Any]) -> bool:
    if not line.keys() >= {"event", "properties"}:
        return False
    properties = members(line["properties"])
    return properties is not None and properties.keys() >= {"time", "distinct_id"}


_TABLE: Final = (
    CLOUD_EVENTS,
    SEGMENT,
    Preset(
        "cloudtrail",
        "AWS CloudTrail",
        recognises=has("eventID", "eventName", "eventTime", "eventSource"),
        event_id="eventID",
        stream="{userIdentity.arn|userIdentity.invokedBy|userIdentity.principalId|recipientAccountId}",
        type="eventName",
        occurred_at="eventTime",
    ),
    Preset(
        "kubernetes",
        "audit events of Kubernetes",
        recognises=has("auditID", "stage", "requestReceivedTimestamp"),
        event_id=["auditID", "stage"],
        stream="{objectRef.resource|requestURI}/{objectRef.namespace?}/{objectRef.name?}",
        type="verb",
        occurred_at="stageTimestamp|requestReceivedTimestamp",
    ),
    Preset(
        "stripe",
        "event objects of Stripe",
        recognises=_is_stripe_event,
        event_id="id",
        stream="{data.object.id|id}",
        type="type",
        occurred_at="created",
        data="data.object",
        metadata="@rest",
    ),
    Preset(
        "github",
        "events of GitHub's API and of GH Archive",
        recognises=has("id", "type", "actor", "repo", "payload", "created_at"),
        event_id="id",
        stream="repo.name",
        type="type",
        occurred_at="created_at",
        data="payload",
        metadata="@rest",
    ),
    Preset(
        "ga4",
        "the BigQuery export of Google Analytics 4",
        recognises=has("event_name", "event_timestamp", "user_pseudo_id"),
        event_id="@hash",
        stream="{user_pseudo_id|user_id|stream_id}",
        type="event_name",
        occurred_at="event_timestamp",
    ),
    Preset(
        "mixpanel",
        "the raw export of Mixpanel",
        recognises=_is_mixpanel,
        event_id="{properties.$insert_id|@hash}",
        stream="{properties.distinct_id}",
        type="event",
        occurred_at="properties.time",
        data="properties",
        metadata="@rest",
    ),
    Preset(
        "amplitude",
        "the export of Amplitude",
        recognises=has("event_type", "event_time", "amplitude_id"),
        is_utc=True,
        event_id="uuid|$insert_id",
        stream="{user_id|device_id|amplitude_id}",
        type="event_type",
        occurred_at="event_time",
        recorded_at="server_upload_time|server_received_time",
        data="event_properties",
        metadata="@rest",
    ),
    Preset(
        "posthog",
        "the export of PostHog",
        recognises=has("uuid", "event", "distinct_id", "properties", "timestamp"),
        event_id="uuid",
        stream="{distinct_id}",
        type="event",
        occurred_at="timestamp",
        recorded_at="created_at",
        data="properties",
        metadata="@rest",
    ),
    DEBEZIUM,
    OCEL,
    SNOWPLOW,
    XES,
)

PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in _TABLE}
"""Name → preset, in the order in which lines are recognised."""


def preset_named(name: str) -> Preset:
    """Return a preset.

    Raises:
        SourceError: there is none of this name.
    """
    if name not in PRESETS:
        raise SourceError(f"unknown preset {name!r}", hint=suggestion(name, list(PRESETS)))
    return PRESETS[name]


def recognised(line: Mapping[str, Any]) -> Preset | None:
    """Return the preset that a line belongs to; None: none, or it has the members of the envelope itself."""
    if line.keys() >= _ENVELOPE:
        return None
    return next((preset for preset in _TABLE if preset.recognises(line)), None)
