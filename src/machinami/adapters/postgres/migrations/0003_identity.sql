-- People, logins and keys. Only hashes of secrets are stored. The names begin with identity_, so that emptying a development
-- city keeps them.

create table identity_person (
  tenant text collate "C" not null,
  name text collate "C" not null,
  display_name text not null,
  password_hash text not null,
  roles text[] not null,
  created_at timestamptz not null,
  disabled_at timestamptz,
  primary key (tenant, name)
);

create table identity_setup_code (
  single boolean primary key default true check (single),
  code_hash text not null,
  expires_at timestamptz not null,
  tries_left int not null
);

create table identity_session (
  token_hash text collate "C" primary key,
  tenant text collate "C" not null,
  user_name text collate "C" not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  foreign key (tenant, user_name) references identity_person on delete cascade
);
create index identity_session_by_user on identity_session (tenant, user_name);
create index identity_session_by_expiry on identity_session (expires_at);

create table identity_api_key (
  prefix text collate "C" primary key,
  tenant text collate "C" not null,
  name text collate "C" not null,
  secret_hash text not null,
  roles text[] not null,
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  unique (tenant, name)
);
