-- When a periodic subscription (timeInterval, CIM 009 5.2.12) is to be notified next: moved in the transaction that queues
-- the notification, so that no restart sends one twice or forgets when the next is due.
create table subscription_period (
  tenant text collate "C" not null,
  subscription_id text collate "C" not null,
  due_at timestamptz not null,
  primary key (tenant, subscription_id)
) with (fillfactor = 70);
