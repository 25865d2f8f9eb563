-- One schema belongs to one namespace of one cluster; the single row says which.
create table installation (
  only_row boolean primary key default true check (only_row),
  namespace_uid text not null,
  max_sequence bigint not null default 0,
  -- Moved by tests alone; added to the database's clock by talaria_now().
  clock_offset interval not null default '0'
);

-- The time of every decision and lease. Stable, so that one statement sees one instant and indexes can be used.
create function talaria_now() returns timestamptz language sql stable as $$
  select clock_timestamp() + coalesce((select clock_offset from installation), '0'::interval)
$$;

-- Every Agent name ever served. gone_at: when it left the snapshot; a retired name is never mistaken for a free one.
create table agents (
  name text primary key,
  uid text not null,
  sequence bigint not null,
  gone_at timestamptz
);

-- One lease per gateway worker. A run names its worker, so a worker that lets its lease go loses all its runs at once.
create table workers (
  id uuid primary key,
  replica text not null,
  sequence bigint not null,
  lease_until timestamptz not null
);

-- The key is columns, not a string: no id can forge another's part. '' stands for absent. What every turn changes is in no
-- index, and a page has room for it, so that a turn writes the row and no index.
create table sessions (
  id uuid primary key,
  agent text not null,
  agent_uid text not null,
  platform text not null,
  account text not null default '',
  chat_type text not null default 'direct',
  chat_id text not null default '',
  thread_id text not null default '',
  user_id text not null default '',
  principal text not null,
  name text not null default '',
  last_seq bigint not null default 0,
  created_at timestamptz not null default talaria_now(),
  last_active_at timestamptz not null default talaria_now(),
  ended_at timestamptz
) with (fillfactor = 80);
-- API sessions without a name are found by id alone, so any number of them may share the rest of the key.
create unique index sessions_key on sessions
  (agent, platform, account, chat_type, chat_id, thread_id, user_id, principal, name)
  where ended_at is null and not (platform = 'api' and name = '');
create unique index sessions_api_name on sessions (principal, name)
  where ended_at is null and platform = 'api' and name <> '';

-- What was said, in the shape of Open Responses items, numbered within the session.
create table items (
  session_id uuid not null references sessions (id) on delete cascade,
  seq bigint not null,
  agent text not null,
  run_id uuid not null,
  type text not null,
  data jsonb not null,
  created_at timestamptz not null default talaria_now(),
  primary key (session_id, seq)
);

-- The unit of stored work and the audit record.
create table runs (
  id uuid primary key,
  agent text not null,
  agent_uid text not null,
  agent_generation bigint not null,
  sequence bigint not null,
  route text not null default '',
  rule text not null default '',
  session_id uuid references sessions (id) on delete set null,
  trigger text not null check (trigger in ('api', 'chat', 'cron')),
  principal text not null,
  -- Set for cron runs: the CronJob's uid and the key of its occurrence.
  job_uid text,
  occurrence text,
  status text not null check (status in
    ('queued', 'running', 'waiting_for_approval', 'stopping', 'completed', 'failed', 'cancelled', 'unknown')),
  -- True while the run belongs to an open HTTP request: only its own worker may start it, and it dies with that worker.
  foreground boolean not null,
  input jsonb not null,
  output_text text,
  usage jsonb,
  model text,
  error_code text,
  error_message text,
  attempt integer not null default 0,
  max_attempts integer not null default 1,
  -- True from the first model or tool call on: such a run is never started again.
  effects_started boolean not null default false,
  worker uuid,
  start_after timestamptz not null default talaria_now(),
  created_at timestamptz not null default talaria_now(),
  started_at timestamptz,
  finished_at timestamptz
);
create unique index runs_one_active_per_session on runs (session_id)
  where status in ('running', 'waiting_for_approval', 'stopping');
create unique index runs_occurrence on runs (job_uid, occurrence) where job_uid is not null;
create index runs_queued on runs (start_after) where status = 'queued' and not foreground;
create index runs_active_by_worker on runs (worker) where status in ('running', 'waiting_for_approval', 'stopping');
create index runs_by_job on runs (job_uid, created_at desc) where job_uid is not null;
