-- Notifications on their way: one row per (subscription, change), written with its matcher's cursor; the payload is fixed then.
-- A row's lane is its (tenant, subscription); within a lane the rows of one order_key go out one after the other. `head` marks
-- the first live row of each (lane, order_key): only heads are looked at for sending, so a dead lane's backlog costs nothing.
-- Whoever inserts, settles or removes rows holds the advisory lock of the lane's bucket, which keeps `head` true to that.

create table delivery (
  tenant text collate "C" not null,
  number bigint generated always as identity,
  subscription_id text collate "C" not null,
  order_key text collate "C" not null,
  notification_id text collate "C" not null,
  url text not null,
  endpoint text collate "C" not null,
  headers jsonb not null,
  body bytea not null,
  urgency smallint not null,  -- 0 alarm, 1 measure
  timeout_s float8,
  cooldown_s float8,
  created_at timestamptz not null,
  due_at timestamptz not null,
  attempts int not null default 0,
  head boolean not null,
  claimed_until timestamptz,
  dead_at timestamptz,
  last_error text collate "C" not null default '',
  primary key (tenant, number),
  check (not (head and dead_at is not null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index delivery_by_key on delivery (tenant, subscription_id, order_key, number) where dead_at is null;
create index delivery_heads on delivery (endpoint, tenant, subscription_id, urgency, due_at, number) where head;
create index delivery_claims on delivery (tenant, subscription_id) where claimed_until is not null;
create index delivery_by_age on delivery (endpoint, urgency, created_at) where dead_at is null;
create index delivery_dead on delivery (tenant, number) where dead_at is not null;

-- What NGSI-LD shows of a subscription's own notifications (CIM 009 5.2.14): counted per try.
create table subscription_state (
  tenant text collate "C" not null,
  subscription_id text collate "C" not null,
  times_sent bigint not null,
  times_failed bigint not null,
  last_notification timestamptz,
  last_success timestamptz,
  last_failure timestamptz,
  primary key (tenant, subscription_id)
) with (fillfactor = 70);
