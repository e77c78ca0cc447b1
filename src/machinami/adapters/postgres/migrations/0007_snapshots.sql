-- Entity maps: what a query found, in order, kept until it expires. `entities` is an array of [id, [source, …]].
create table entity_map (
  tenant text collate "C" not null,
  id text collate "C" not null,
  expires_at timestamptz not null,
  entities jsonb not null,
  linked jsonb not null,
  primary key (tenant, id)
);
create index entity_map_by_expiry on entity_map (expires_at);

-- Snapshots: what a client sees of each, and how far its copy is. The copied entities and their history lie in the tables of all
-- entities under the tenant `<tenant>:<number>`, a name that no client can say. `state`: filling, kept, going.
create table snapshot (
  tenant text collate "C" not null,
  id text collate "C" not null,
  number bigint generated always as identity,
  state text not null,
  document jsonb not null,
  progress jsonb not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant, id)
);
create unique index snapshot_by_number on snapshot (number);
create index snapshot_by_expiry on snapshot (expires_at);
