-- What aggregations add up (CIM 009 4.5.19.1), without opening the document: the shape of a value (n number, b boolean, a array,
-- s text, o object; null for what is no Property) and its amount: the number itself, 0 or 1, or the size of the array.

alter table history drop column amount;
alter table history
  add column shape "char" generated always as (
    case jsonb_typeof(coalesce(instance -> 'value', instance -> 'valueList'))
      when 'number' then 'n'::"char"
      when 'boolean' then 'b'::"char"
      when 'array' then 'a'::"char"
      when 'string' then 's'::"char"
      when 'object' then case when jsonb_typeof(instance -> 'value' -> '@value') = 'string' then 's'::"char" else 'o'::"char" end
    end) stored,
  add column amount numeric generated always as (
    case jsonb_typeof(coalesce(instance -> 'value', instance -> 'valueList'))
      when 'number' then (instance -> 'value')::numeric
      when 'boolean' then (instance -> 'value')::boolean::int::numeric
      when 'array' then jsonb_array_length(coalesce(instance -> 'value', instance -> 'valueList'))::numeric
    end) stored;

-- Points of one series lie far apart in the table; an aggregation reads them from the index alone.
drop index history_by_attribute;
create index history_by_attribute on history (tenant, id, attribute, at, number) include (dataset, observed, deleted, shape, amount);
