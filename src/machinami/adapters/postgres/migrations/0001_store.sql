-- The store: entities with their index tables, history and change log. Core types only (ADR 0002): no extension is needed.
-- Text compares in collation "C" everywhere, so that every server orders alike.

create sequence entity_sequence as bigint;

-- One row per current entity; `document` is read and written whole and carries no index of its own.
create table entity (
  tenant text collate "C" not null,
  shard smallint not null,
  id text collate "C" not null,
  sequence bigint not null,
  version bigint not null,
  document jsonb not null,
  expires_at timestamptz,
  primary key (tenant, shard, id)
) with (fillfactor = 80);
create unique index entity_by_sequence on entity (tenant, sequence);
create index entity_by_expiry on entity (expires_at) where expires_at is not null;

-- Index tables name an entity by its sequence; `path` is a 64-bit hash of the expanded attribute name.
create table entity_type (
  tenant text collate "C" not null, type text collate "C" not null, sequence bigint not null,
  primary key (tenant, type, sequence)
);
create table entity_attribute (
  tenant text collate "C" not null, path bigint not null, sequence bigint not null,
  primary key (tenant, path, sequence)
);
create table entity_number (
  tenant text collate "C" not null, path bigint not null, value float8 not null, sequence bigint not null,
  primary key (tenant, path, value, sequence)
);
create table entity_text (
  tenant text collate "C" not null, path bigint not null, value text collate "C" not null, sequence bigint not null,
  primary key (tenant, path, value, sequence)
);
create table entity_cell (
  tenant text collate "C" not null, path bigint not null, cell bigint not null, sequence bigint not null,
  primary key (tenant, path, cell, sequence)
);

-- One row per attribute instance ever seen; `at` = coalesce(observedAt, received).
create table history (
  number bigint generated always as identity,
  tenant text collate "C" not null,
  id text collate "C" not null,
  attribute text collate "C" not null,
  at timestamptz not null,
  received_at timestamptz not null,
  instance jsonb not null
) partition by range (at);
create index history_by_attribute on history (tenant, id, attribute, at, number);
create table history_other partition of history default;

-- One row per entity change, read in (transaction, position) order below the oldest open transaction (trust-N9).
create table change_log (
  position bigint generated always as identity,
  transaction xid8 not null default pg_current_xact_id(),
  at timestamptz not null,
  tenant text collate "C" not null,
  sequence bigint not null,
  version bigint not null,
  kind text not null,
  document jsonb not null,
  changed jsonb not null,
  principal text not null,
  label text not null
) partition by range (at);
create index change_log_in_order on change_log (transaction, position);
create table change_log_other partition of change_log default;

create table consumer (
  name text primary key,
  transaction xid8 not null,
  position bigint not null
);

-- Small records by kind: subscriptions, @contexts, mappings, import runs.
create table record (
  tenant text collate "C" not null,
  kind text collate "C" not null,
  key text collate "C" not null,
  number bigint generated always as identity,
  document jsonb not null,
  primary key (tenant, kind, key)
);
create index record_in_order on record (tenant, kind, number);

-- Decide-then-write: the caller has decided on versions it read; if one moved meanwhile, MN001 is raised and nothing is
-- written. `p_action`: 0 nothing (created and removed within the group), 1 insert, 2 update, 3 delete. Side rows name their
-- entity by its place (from 1) in the entity arrays; a log row without a document has its entity's. Returns the entities' sequences.
create function write_group(
  p_tenant text[], p_shard smallint[], p_id text[], p_action smallint[], p_version bigint[], p_new_version bigint[],
  p_sequence bigint[], p_document jsonb[], p_expires timestamptz[],
  type_gone_i int[], type_gone text[], type_new_i int[], type_new text[],
  attribute_gone_i int[], attribute_gone bigint[], attribute_new_i int[], attribute_new bigint[],
  number_gone_i int[], number_gone_path bigint[], number_gone float8[],
  number_new_i int[], number_new_path bigint[], number_new float8[],
  text_gone_i int[], text_gone_path bigint[], text_gone text[],
  text_new_i int[], text_new_path bigint[], text_new text[],
  cell_gone_i int[], cell_gone_path bigint[], cell_gone bigint[],
  cell_new_i int[], cell_new_path bigint[], cell_new bigint[],
  history_i int[], history_attribute text[], history_at timestamptz[], history_instance jsonb[],
  erase_i int[],
  log_i int[], log_version bigint[], log_kind text[], log_document jsonb[], log_changed jsonb[], log_principal text[],
  log_label text[],
  p_now timestamptz
) returns bigint[] language plpgsql as $$
declare
  sequences bigint[] := p_sequence;
  wanted int;
  done int;
begin
  if 0 = any(p_sequence) then
    sequences := array(
      select case when s = 0 then nextval('entity_sequence') else s end
      from unnest(p_sequence) with ordinality as u(s, o) order by o);
  end if;

  wanted := cardinality(array_positions(p_action, 2::smallint)) + cardinality(array_positions(p_action, 3::smallint));
  if wanted > 0 then
    perform 1 from entity e
      join unnest(p_tenant, p_shard, p_id, p_action, p_version, p_sequence) as g(tenant, shard, id, action, version, sequence)
        on e.tenant = g.tenant and e.shard = g.shard and e.id = g.id and e.version = g.version and e.sequence = g.sequence
      where g.action > 1 order by e.tenant, e.shard, e.id for update of e;
    get diagnostics done = row_count;
    if done <> wanted then raise exception 'an entity moved on meanwhile' using errcode = 'MN001'; end if;
    if 3 = any(p_action) then
      delete from entity e using unnest(p_tenant, p_shard, p_id, p_action) as g(tenant, shard, id, action)
        where g.action = 3 and e.tenant = g.tenant and e.shard = g.shard and e.id = g.id;
    end if;
    update entity e set version = g.version, document = g.document, expires_at = g.expires
      from unnest(p_tenant, p_shard, p_id, p_action, p_new_version, p_document, p_expires)
        as g(tenant, shard, id, action, version, document, expires)
      where g.action = 2 and e.tenant = g.tenant and e.shard = g.shard and e.id = g.id;
  end if;

  wanted := cardinality(array_positions(p_action, 1::smallint));
  if wanted > 0 then
    insert into entity (tenant, shard, id, sequence, version, document, expires_at)
      select g.tenant, g.shard, g.id, sequences[g.i], g.version, g.document, g.expires
      from unnest(p_tenant, p_shard, p_id, p_action, p_new_version, p_document, p_expires) with ordinality
        as g(tenant, shard, id, action, version, document, expires, i)
      where g.action = 1 order by g.tenant, g.shard, g.id
      on conflict do nothing;
    get diagnostics done = row_count;
    if done <> wanted then raise exception 'an entity appeared meanwhile' using errcode = 'MN001'; end if;
  end if;

  if cardinality(type_gone_i) > 0 then
    delete from entity_type t using unnest(type_gone_i, type_gone) as g(i, type)
      where t.tenant = p_tenant[g.i] and t.type = g.type and t.sequence = sequences[g.i];
  end if;
  if cardinality(type_new_i) > 0 then
    insert into entity_type (tenant, type, sequence)
      select p_tenant[g.i], g.type, sequences[g.i] from unnest(type_new_i, type_new) as g(i, type) on conflict do nothing;
  end if;
  if cardinality(attribute_gone_i) > 0 then
    delete from entity_attribute t using unnest(attribute_gone_i, attribute_gone) as g(i, path)
      where t.tenant = p_tenant[g.i] and t.path = g.path and t.sequence = sequences[g.i];
  end if;
  if cardinality(attribute_new_i) > 0 then
    insert into entity_attribute (tenant, path, sequence)
      select p_tenant[g.i], g.path, sequences[g.i] from unnest(attribute_new_i, attribute_new) as g(i, path) on conflict do nothing;
  end if;
  if cardinality(number_gone_i) > 0 then
    delete from entity_number t using unnest(number_gone_i, number_gone_path, number_gone) as g(i, path, value)
      where t.tenant = p_tenant[g.i] and t.path = g.path and t.value = g.value and t.sequence = sequences[g.i];
  end if;
  if cardinality(number_new_i) > 0 then
    insert into entity_number (tenant, path, value, sequence)
      select p_tenant[g.i], g.path, g.value, sequences[g.i] from unnest(number_new_i, number_new_path, number_new) as g(i, path, value) on conflict do nothing;
  end if;
  if cardinality(text_gone_i) > 0 then
    delete from entity_text t using unnest(text_gone_i, text_gone_path, text_gone) as g(i, path, value)
      where t.tenant = p_tenant[g.i] and t.path = g.path and t.value = g.value and t.sequence = sequences[g.i];
  end if;
  if cardinality(text_new_i) > 0 then
    insert into entity_text (tenant, path, value, sequence)
      select p_tenant[g.i], g.path, g.value, sequences[g.i] from unnest(text_new_i, text_new_path, text_new) as g(i, path, value) on conflict do nothing;
  end if;
  if cardinality(cell_gone_i) > 0 then
    delete from entity_cell t using unnest(cell_gone_i, cell_gone_path, cell_gone) as g(i, path, cell)
      where t.tenant = p_tenant[g.i] and t.path = g.path and t.cell = g.cell and t.sequence = sequences[g.i];
  end if;
  if cardinality(cell_new_i) > 0 then
    insert into entity_cell (tenant, path, cell, sequence)
      select p_tenant[g.i], g.path, g.cell, sequences[g.i] from unnest(cell_new_i, cell_new_path, cell_new) as g(i, path, cell) on conflict do nothing;
  end if;

  if cardinality(erase_i) > 0 then
    delete from history h using unnest(erase_i) as g(i) where h.tenant = p_tenant[g.i] and h.id = p_id[g.i];
  end if;
  if cardinality(history_i) > 0 then
    insert into history (tenant, id, attribute, at, received_at, instance)
      select p_tenant[g.i], p_id[g.i], g.attribute, g.at, p_now, g.instance
      from unnest(history_i, history_attribute, history_at, history_instance) with ordinality
        as g(i, attribute, at, instance, o) order by g.o;
  end if;
  insert into change_log (at, tenant, sequence, version, kind, document, changed, principal, label)
    select p_now, p_tenant[g.i], sequences[g.i], g.version, g.kind, coalesce(g.document, p_document[g.i]), g.changed, g.principal, g.label
    from unnest(log_i, log_version, log_kind, log_document, log_changed, log_principal, log_label) with ordinality
      as g(i, version, kind, document, changed, principal, label, o) order by g.o;
  return sequences;
end $$;
