-- Runs of the API: forks of sessions, responses, events, approvals and idempotency keys.

-- The newest live session of a conversation keeps its agent under a rule that splits.
create index sessions_conversation on sessions (platform, account, chat_id, thread_id, user_id) where ended_at is null;
create index runs_waiting on runs (session_id, created_at, id) where status = 'queued';

alter table sessions
  add column title text not null default '',
  -- The session that this one was forked from.
  add column parent_id uuid;
create index sessions_by_principal on sessions (principal, id) where platform = 'api';
create index sessions_by_age on sessions (agent, created_at);

alter table runs
  -- What was said and done, as items; of a run with a session they are in `items` too.
  add column output jsonb,
  add column finish_reason text,
  -- By the prices of the Agent at that time.
  add column cost numeric,
  add column currency text,
  add column response_id uuid;
create index runs_by_principal on runs (principal, created_at desc, id) where trigger = 'api';
-- What retention looks for; a run with a session goes with it.
create index runs_ended on runs (agent, finished_at) where session_id is null and job_uid is null;
create index runs_by_session on runs (session_id, created_at desc) where session_id is not null;

-- What POST /v1/responses made. It belongs to its agent and principal alone. last_seq: the newest item of the session when
-- it was complete; deleting hides it and keeps what later ones need.
create table responses (
  id uuid primary key,
  agent text not null,
  principal text not null,
  session_id uuid not null references sessions (id) on delete cascade,
  run_id uuid not null,
  previous_id uuid,
  last_seq bigint,
  -- The fields of the request that the response repeats.
  request jsonb not null,
  created_at timestamptz not null default talaria_now(),
  deleted_at timestamptz
);
create index responses_by_session on responses (session_id);

-- What happened in a run, in order, while its worker held it. The end of the run is not here: its row tells it.
create table run_events (
  run_id uuid not null references runs (id) on delete cascade,
  seq bigint not null,
  agent text not null,
  type text not null,
  data jsonb not null,
  created_at timestamptz not null default talaria_now(),
  primary key (run_id, seq)
);

-- Calls of tools that wait, or waited, for a person.
create table approvals (
  run_id uuid not null references runs (id) on delete cascade,
  call_id text not null,
  agent text not null,
  tool text not null,
  arguments text not null,
  status text not null check (status in ('pending', 'approved', 'denied', 'expired')),
  asked_at timestamptz not null default talaria_now(),
  decided_at timestamptz,
  -- The principal that decided.
  decided_by text not null default '',
  primary key (run_id, call_id)
);

-- One row per Idempotency-Key of a principal: what its first request did, for a day.
create table idempotency_keys (
  principal text not null,
  key text not null,
  agent text not null,
  -- Over path, routing headers and raw body.
  hash text not null,
  run_id uuid,
  session_id uuid,
  created_at timestamptz not null default talaria_now(),
  primary key (principal, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);
-- A run that never started gives its key back.
create index idempotency_keys_by_run on idempotency_keys (run_id) where run_id is not null;
