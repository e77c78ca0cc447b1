"""The bounds of each part, taken from the settings table."""

from __future__ import annotations

from machinami.data.contexts.documents import ContextBounds
from machinami.data.delivery.model import LaneLimits
from machinami.data.entity_maps.model import EntityMapLimits
from machinami.data.snapshots.model import SnapshotLimits
from machinami.data.subscriptions.periodic import PeriodicLimits
from machinami.federation.distributed_subscriptions.model import CopyLimits
from machinami.federation.distribution.model import Limits
from machinami.kernel.settings import Settings
from machinami.security.identity.model import IdentityLimits
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits


def context_bounds(settings: Settings) -> ContextBounds:
    """The bounds of contexts and their downloads."""
    return ContextBounds(
        bytes_max=settings.integer("context_bytes_max"),
        cache_max=settings.integer("context_cache_max"),
        depth_max=settings.integer("context_depth_max"),
        wait_s=settings.number("context_fetch_timeout_s"),
        fresh_s=settings.number("context_fresh_hours") * 3600,
    )


def subscription_limits(settings: Settings) -> SubscriptionLimits:
    """The bounds of what a subscription may ask for."""
    return SubscriptionLimits(
        query_nodes_max=settings.integer("query_nodes_max"),
        pattern_characters_max=settings.integer("pattern_characters_max"),
        geometry_vertices_max=settings.integer("geometry_vertices_max"),
    )


def periodic_limits(settings: Settings) -> PeriodicLimits:
    """The bounds of periodic notifications."""
    return PeriodicLimits(settings.integer("page_limit_max"), settings.integer("periodic_entities_max"))


def entity_map_limits(settings: Settings) -> EntityMapLimits:
    """The bounds of entity maps."""
    return EntityMapLimits(
        entities_max=settings.integer("entity_map_entities_max"),
        maps_max=max(settings.integer("entity_maps_max"), 1),
        lifetime_s=settings.integer("entity_map_minutes") * 60.0,
        lifetime_s_max=settings.integer("entity_map_minutes_max") * 60.0,
    )


def snapshot_limits(settings: Settings) -> SnapshotLimits:
    """The bounds of snapshots."""
    return SnapshotLimits(
        snapshots_max=max(settings.integer("snapshots_max"), 1),
        entities_max=settings.integer("snapshot_entities_max"),
        lifetime_s=settings.integer("snapshot_hours") * 3600.0,
        lifetime_s_max=settings.integer("snapshot_hours_max") * 3600.0,
    )


def lane_limits(settings: Settings) -> LaneLimits:
    """The bounds of delivery."""
    return LaneLimits(
        in_flight_max=settings.integer("delivery_total_in_flight_max"),
        lane_in_flight_max=settings.integer("delivery_in_flight_max"),
        timeout_s=settings.number("delivery_timeout_s"),
        backoff_min_s=settings.number("delivery_backoff_min_s"),
        backoff_max_s=settings.number("delivery_backoff_max_s"),
        breaker_failures=settings.integer("delivery_breaker_failures"),
        probe_s=settings.number("delivery_probe_s"),
        measure_age_s_max=settings.integer("delivery_measure_hours_max") * 3600.0,
        alarm_age_s_max=settings.integer("delivery_alarm_hours_max") * 3600.0,
    )


def source_limits(settings: Settings) -> Limits:
    """The bounds of distributed operations."""
    return Limits(
        timeout_s=settings.number("federation_timeout_s"),
        timeout_s_max=settings.number("federation_timeout_s_max"),
        in_flight_max=settings.integer("federation_in_flight_max"),
        answer_bytes_max=settings.integer("federation_answer_bytes_max"),
        json_depth_max=settings.integer("json_depth_max"),
        entities_max=settings.integer("federation_entities_max"),
        instances_max=settings.integer("federation_instances_max"),
        credentials_conveyed=settings.switch("federation_credentials_conveyed"),
    )


def copy_limits(settings: Settings) -> CopyLimits:
    """The bounds of the work on subscriptions at context sources."""
    return CopyLimits(
        public_url=settings.text("public_url"),
        split_entities=settings.switch("federation_split_entities"),
        backoff_min_s=settings.number("delivery_backoff_min_s"),
        backoff_max_s=settings.number("delivery_backoff_max_s"),
        removal_s_max=settings.integer("delivery_alarm_hours_max") * 3600.0,
        entities_max=settings.integer("federation_entities_max"),
    )


def identity_limits(settings: Settings) -> IdentityLimits:
    """The bounds of set-up, logins and sessions."""
    return IdentityLimits(
        setup_code_minutes=settings.integer("setup_code_minutes"),
        setup_code_tries_max=settings.integer("setup_code_tries_max"),
        password_characters_min=settings.integer("password_characters_min"),
        session_hours=settings.integer("session_hours"),
        login_tries_max=settings.integer("login_tries_max"),
    )
