-- What came of the operations that context source registrations triggered (CIM 009 table 5.2.9-2).
create table registration_state (
  tenant text collate "C" not null,
  registration_id text collate "C" not null,
  times_sent bigint not null,
  times_failed bigint not null,
  last_success timestamptz,
  last_failure timestamptz,
  failed boolean not null,  -- the last operation
  primary key (tenant, registration_id)
) with (fillfactor = 70);
