-- Alarms that people work on, their history, what each subscriber was told, and what the rules remember.
-- Changes of one tenant's alarms are serialised by an advisory lock, so that a key never gets two open occurrences.

create table alarm (
  tenant text collate "C" not null,
  id text collate "C" not null,
  source text collate "C" not null,
  event text collate "C" not null,
  area text collate "C" not null,
  kind text collate "C" not null,
  occurrence int not null,
  severity text collate "C" not null,
  acknowledged boolean not null,
  closed boolean not null,
  raised_at timestamptz not null,
  shelved_until timestamptz,
  entity_id text collate "C",
  stored_at timestamptz not null,
  notices int not null,  -- numbers the notifications about this alarm
  document jsonb not null,
  primary key (tenant, id),
  unique (tenant, source, event, area, kind, occurrence)
);
create index alarm_by_time on alarm (tenant, raised_at, id);
create index alarm_not_closed on alarm (tenant, raised_at, id) where not closed;
create index alarm_by_entity on alarm (tenant, entity_id, raised_at, id) where entity_id is not null;

create table alarm_history (
  tenant text collate "C" not null,
  alarm_id text collate "C" not null,
  number bigint generated always as identity,
  document jsonb not null,
  primary key (tenant, alarm_id, number)
);

-- The ledger's side of the notifications (trust-N11): stays when the row in `delivery` goes.
create table alarm_delivery (
  tenant text collate "C" not null,
  alarm_id text collate "C" not null,
  number bigint generated always as identity,
  notification_id text collate "C" not null,
  subscriber text not null,
  state text collate "C" not null,  -- pending, failing, delivered, dead
  attempts int not null default 0,
  at timestamptz not null,  -- of the last change of this row
  sent_at timestamptz,      -- begin of the first try
  delivered_at timestamptz,
  error text not null default '',
  primary key (tenant, alarm_id, number),
  unique (tenant, notification_id)
);

create table alarm_rule_state (
  tenant text collate "C" not null,
  rule_id text collate "C" not null,
  entity_id text collate "C" not null,
  subject text collate "C" not null,
  firing boolean not null,
  "order" text not null,
  seen_at timestamptz,
  pending text collate "C",
  pending_event_at timestamptz,
  pending_arrived_at timestamptz,
  due_at timestamptz,
  primary key (tenant, rule_id, entity_id, subject)
);
create index alarm_rule_state_due on alarm_rule_state (tenant, due_at) where due_at is not null;
