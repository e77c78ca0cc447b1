-- What temporal queries ask of an attribute instance without opening its document: its dataset, whether it conveys an observedAt,
-- whether it marks a deletion, and its value if that is a number. `named_at` is the time inside its id where an edit has moved `at`;
-- `modified_at` is when it was edited (null: never).

alter table history
  add column named_at timestamptz,
  add column modified_at timestamptz,
  add column dataset text collate "C" generated always as (instance ->> 'datasetId') stored,
  add column observed boolean not null generated always as (instance ? 'observedAt') stored,
  add column deleted boolean not null generated always as (instance ? 'deletedAt') stored,
  add column amount float8 generated always as (
    case when jsonb_typeof(instance -> 'value') = 'number' then
      case when abs((instance ->> 'value')::numeric) < 1e300 then (instance ->> 'value')::float8 end
    end) stored;
