-- Counting and skipping leave out what has expired but is still there: found by tenant, whatever else the tenant has.
create index entity_expiring on entity (tenant, expires_at, sequence) where expires_at is not null;
