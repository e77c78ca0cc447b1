"""The statements of `delivery.py`, each with what it does. Constants only; all values are parameters."""
# ruff: noqa: S608

from __future__ import annotations

from typing import Final

DELIVERY_NAMES: Final = (
    "tenant", "number", "subscription_id", "order_key", "notification_id", "url", "endpoint", "body", "headers",
    "created_at", "urgency", "attempts", "timeout_s", "cooldown_s",
)  # fmt: skip
_COLUMNS: Final = ", ".join(f"d.{name}" for name in DELIVERY_NAMES)

# Advisory locks of lane buckets, taken in the order given.
LOCK_LANES: Final = "select pg_advisory_xact_lock(1835098980, bucket) from unnest($1::int[]) as bucket"

# New rows; a row is a head if no live row of its key is before it, in the table or among the new ones.
INSERT: Final = """
insert into delivery (tenant, subscription_id, order_key, notification_id, url, endpoint, headers, body, urgency,
  timeout_s, cooldown_s, created_at, due_at, head)
select g.tenant, g.subscription, g.key, g.notification, g.url, g.endpoint, g.headers, g.body, g.urgency, g.timeout, g.cooldown,
  g.created, g.created,
  row_number() over (partition by g.tenant, g.subscription, g.key order by g.o) = 1 and not exists (
    select 1 from delivery d
    where d.tenant = g.tenant and d.subscription_id = g.subscription and d.order_key = g.key and d.dead_at is null)
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::bytea[], $9::smallint[],
  $10::float8[], $11::float8[], $12::timestamptz[]) with ordinality
  as g(tenant, subscription, key, notification, url, endpoint, headers, body, urgency, timeout, cooldown, created, o)
order by g.o
"""

# Claim at most $2 heads that are due at $1: walk the lanes that have heads, take each lane's first ones up to its limit $3,
# then each endpoint's first ones up to its allowance ($4, $5; one if not listed). The claim lasts $6 s and the row's timeout.
# A lane rests while one of its rows cools down after a failure (endpoint.cooldown, CIM 009 5.2.15).
CLAIM: Final = f"""
with recursive lane as (
  (select endpoint, tenant, subscription_id from delivery where head order by endpoint, tenant, subscription_id limit 1)
  union all
  select n.endpoint, n.tenant, n.subscription_id from lane l cross join lateral (
    select d.endpoint, d.tenant, d.subscription_id from delivery d
    where d.head and (d.endpoint, d.tenant, d.subscription_id) > (l.endpoint, l.tenant, l.subscription_id)
    order by d.endpoint, d.tenant, d.subscription_id limit 1) n
), open_lane as (
  select l.*, coalesce(a.allowance, 1) as allowance,
    $3 - (select count(*) from delivery c where c.tenant = l.tenant and c.subscription_id = l.subscription_id
      and c.claimed_until > $1) as room
  from lane l left join unnest($4::text[], $5::int[]) as a(endpoint, allowance) on a.endpoint = l.endpoint
  where coalesce(a.allowance, 1) > 0 and not exists (
    select 1 from delivery w where w.head and w.endpoint = l.endpoint and w.tenant = l.tenant
      and w.subscription_id = l.subscription_id and w.cooldown_s is not null and w.attempts > 0 and w.due_at > $1)
), ready as (
  select r.*, o.allowance, row_number() over (partition by r.endpoint order by r.urgency, r.due_at, r.number) as place
  from open_lane o cross join lateral (
    select d.tenant, d.number, d.endpoint, d.urgency, d.due_at from delivery d
    where d.head and d.endpoint = o.endpoint and d.tenant = o.tenant and d.subscription_id = o.subscription_id
      and d.due_at <= $1 and (d.claimed_until is null or d.claimed_until <= $1)
    order by d.urgency, d.due_at, d.number limit greatest(least(o.room, o.allowance), 0)) r
), chosen as (
  select tenant, number from ready where place <= allowance order by urgency, due_at, number limit $2
), locked as (
  select d.tenant, d.number from delivery d join chosen c on d.tenant = c.tenant and d.number = c.number
  where d.head and d.due_at <= $1 and (d.claimed_until is null or d.claimed_until <= $1) for update of d skip locked
)
update delivery d set claimed_until = $1 + make_interval(secs => $6::float8 + coalesce(d.timeout_s, 0))
from locked k where d.tenant = k.tenant and d.number = k.number
returning {_COLUMNS}, d.due_at
"""

# What came of tries, written once each; returns the rows that were changed. A delivery counts whatever the row's state is.
SETTLE: Final = """
with g as (
  select * from unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[], $7::text[])
    as g(tenant, number, state, attempts, at, due_at, error)
), delivered as (
  delete from delivery d using g where g.state = 'delivered' and d.tenant = g.tenant and d.number = g.number
  returning d.tenant, d.number
), waiting as (
  update delivery d set attempts = g.attempts, due_at = g.due_at, claimed_until = null, last_error = g.error
  from g where g.state = 'waiting' and d.tenant = g.tenant and d.number = g.number and d.attempts < g.attempts
    and d.dead_at is null
  returning d.tenant, d.number
), dead as (
  update delivery d set attempts = g.attempts, dead_at = g.at, head = false, claimed_until = null, last_error = g.error
  from g where g.state = 'dead' and d.tenant = g.tenant and d.number = g.number and d.attempts < g.attempts
    and d.dead_at is null
  returning d.tenant, d.number
)
select * from delivered union all select * from waiting union all select * from dead
"""

# The first live row of each key becomes its head.
PROMOTE: Final = """
update delivery d set head = true
from unnest($1::text[], $2::text[], $3::text[]) as g(tenant, subscription, key) cross join lateral (
  select f.number from delivery f
  where f.tenant = g.tenant and f.subscription_id = g.subscription and f.order_key = g.key and f.dead_at is null
  order by f.number limit 1) first
where d.tenant = g.tenant and d.number = first.number and not d.head
"""

# No live row of the keys is a head any more.
DEMOTE: Final = """
update delivery d set head = false from unnest($1::text[], $2::text[], $3::text[]) as g(tenant, subscription, key)
where d.tenant = g.tenant and d.subscription_id = g.subscription and d.order_key = g.key and d.dead_at is null and d.head
"""

# Counters of lanes go up.
COUNT: Final = """
insert into subscription_state as s
  (tenant, subscription_id, times_sent, times_failed, last_notification, last_success, last_failure)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[],
  $7::timestamptz[])
on conflict (tenant, subscription_id) do update set
  times_sent = s.times_sent + excluded.times_sent, times_failed = s.times_failed + excluded.times_failed,
  last_notification = greatest(s.last_notification, excluded.last_notification),
  last_success = greatest(s.last_success, excluded.last_success), last_failure = greatest(s.last_failure, excluded.last_failure)
"""

STATES: Final = """
select subscription_id, times_sent, times_failed, last_notification, last_success, last_failure
from subscription_state where tenant = $1 and subscription_id = any($2::text[])
"""

# A periodic subscription's next time goes from $3 (null: none stored) to $4; no row is changed if it is not $3.
MOVE_PERIOD: Final = """
insert into subscription_period as p (tenant, subscription_id, due_at) values ($1, $2, $4)
on conflict (tenant, subscription_id) do update set due_at = excluded.due_at where p.due_at = $3::timestamptz
"""

LANE_WAITS: Final = "select exists (select from delivery where tenant = $1 and subscription_id = $2 and dead_at is null)"

# Claims given back untried; a row that was tried meanwhile is left alone.
RELEASE: Final = """
update delivery d set claimed_until = null from unnest($1::text[], $2::bigint[], $3::int[]) as g(tenant, number, attempts)
where d.tenant = g.tenant and d.number = g.number and d.attempts = g.attempts
"""

# Live rows of an endpoint from before their urgency's instant ($2 alarm, $3 measure) that no worker holds at $4.
TOO_OLD: Final = """
select tenant, number, subscription_id from (
  (select tenant, number, subscription_id, created_at from delivery where endpoint = $1 and urgency = 0 and created_at < $2
    and dead_at is null and (claimed_until is null or claimed_until <= $4) order by created_at limit $5)
  union all
  (select tenant, number, subscription_id, created_at from delivery where endpoint = $1 and urgency = 1 and created_at < $3
    and dead_at is null and (claimed_until is null or claimed_until <= $4) order by created_at limit $5)
) old order by created_at, number limit $5
"""

EXPIRE: Final = """
update delivery d set dead_at = $3, head = false, claimed_until = null,
  last_error = case when d.last_error = '' then $4 else d.last_error end
from unnest($1::text[], $2::bigint[]) as g(tenant, number)
where d.tenant = g.tenant and d.number = g.number and d.dead_at is null and (d.claimed_until is null or d.claimed_until <= $3)
returning d.tenant, d.subscription_id, d.order_key, d.notification_id
"""

LANES_OF: Final = "select distinct subscription_id from delivery where tenant = $1 and number = any($2::bigint[])"

# Dead letters live again as new: age 0, no tries yet.
REQUEUE: Final = """
update delivery d set dead_at = null, created_at = $3, due_at = $3, attempts = 0
where d.tenant = $1 and d.number = any($2::bigint[]) and d.dead_at is not null
returning d.tenant, d.subscription_id, d.order_key, d.notification_id
"""

DEAD_LETTERS: Final = f"""
select {_COLUMNS}, d.dead_at, d.last_error from delivery d
where d.tenant = $1 and ($2::text is null or d.subscription_id = $2) and d.number > $3 and d.dead_at is not null
order by d.number limit $4
"""

# A deleted subscription's live rows and counters go; the ledger of alarms says so.
DROP_LANE: Final = """
with gone as (
  delete from delivery where tenant = $1 and subscription_id = $2 and dead_at is null returning notification_id
), counters as (
  delete from subscription_state where tenant = $1 and subscription_id = $2
), period as (
  delete from subscription_period where tenant = $1 and subscription_id = $2
)
update alarm_delivery a set state = 'dead', error = 'the subscriber was removed' from gone
where a.tenant = $1 and a.notification_id = gone.notification_id
"""

# The alarm ledger's lines after tries; `sent_at` keeps the first try's begin.
LEDGER_TRIES: Final = """
update alarm_delivery a set state = g.state, attempts = g.attempts, at = g.at, error = g.error,
  sent_at = coalesce(a.sent_at, g.at - make_interval(secs => g.duration)),
  delivered_at = case when g.state = 'delivered' then g.at else a.delivered_at end
from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::float8[], $7::text[])
  as g(tenant, notification, state, attempts, at, duration, error)
where a.tenant = g.tenant and a.notification_id = g.notification
"""

# The ledger's lines of rows that became dead letters by age, or live again.
LEDGER_STATE: Final = """
update alarm_delivery a set state = $3, error = $4, at = $5 from unnest($1::text[], $2::text[]) as g(tenant, notification)
where a.tenant = g.tenant and a.notification_id = g.notification
"""
