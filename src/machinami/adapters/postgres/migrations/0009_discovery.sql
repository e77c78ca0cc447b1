-- Which types and attributes there are, counted (CIM 009 5.7.5-5.7.10). A row counts the instances of an attribute of one kind
-- (Property, ...) on entities of a type; attribute '' counts the entities themselves, type '' stands for all types together.
-- A group appends what it changed to `name_use_change`, so that groups never wait for each other's counters; readers add
-- both tables up, and housekeeping folds the changes into `name_use` (a count may be 0 there for a while).
create table name_use (
  tenant text collate "C" not null,
  type text collate "C" not null,
  attribute text collate "C" not null,
  kind text collate "C" not null,
  count bigint not null,
  primary key (tenant, attribute, type, kind)
) with (fillfactor = 50);
create index name_use_by_type on name_use (tenant, type);

create table name_use_change (
  number bigint generated always as identity primary key,
  tenant text collate "C" not null,
  type text[] collate "C" not null,
  attribute text[] collate "C" not null,
  kind text[] collate "C" not null,
  delta int[] not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

create function note_name_use(p_tenant text[], p_type text[], p_attribute text[], p_kind text[], p_delta int[]) returns void
language sql as $$
  insert into name_use_change (tenant, type, attribute, kind, delta)
    select tenant, array_agg(type), array_agg(attribute), array_agg(kind), array_agg(delta)
    from unnest(p_tenant, p_type, p_attribute, p_kind, p_delta) as u(tenant, type, attribute, kind, delta) group by tenant
$$;

-- The first time at which an attribute instance of an entity expires (4.22); the entity's own time is `entity.expires_at`.
create table attribute_expiry (
  tenant text collate "C" not null,
  id text collate "C" not null,
  at timestamptz not null,
  primary key (tenant, id)
);
create index attribute_expiry_in_order on attribute_expiry (at);

create function note_attribute_expiry(p_tenant text[], p_id text[], p_at timestamptz[]) returns void
language sql as $$
  delete from attribute_expiry x using unnest(p_tenant, p_id, p_at) as g(tenant, id, at)
    where g.at is null and x.tenant = g.tenant and x.id = g.id;
  insert into attribute_expiry (tenant, id, at)
    select tenant, id, at from unnest(p_tenant, p_id, p_at) as g(tenant, id, at) where at is not null
    on conflict (tenant, id) do update set at = excluded.at
$$;

-- What is there already.
insert into name_use (tenant, type, attribute, kind, count)
  select e.tenant, t.type, '', '', count(*)
  from entity e, lateral (select jsonb_array_elements_text(e.document->'type') as type union all select '') t group by 1, 2;
insert into name_use (tenant, type, attribute, kind, count)
  select e.tenant, t.type, a.name, i.instance->>'type', count(*)
  from entity e,
    lateral (select jsonb_array_elements_text(e.document->'type') as type union all select '') t,
    lateral jsonb_each(e.document->'attributes') as a(name, instances),
    lateral jsonb_array_elements(a.instances) as i(instance)
  group by 1, 2, 3, 4;
insert into attribute_expiry (tenant, id, at)
  select e.tenant, e.id, min(replace(i.instance->>'expiresAt', ',', '.')::timestamptz)
  from entity e,
    lateral jsonb_each(e.document->'attributes') as a(name, instances),
    lateral jsonb_array_elements(a.instances) as i(instance)
  where i.instance ? 'expiresAt' group by 1, 2;
