-- One row per CronJob uid: what is decided, what is due, and what its status says.
create table cron_jobs (
  uid text primary key,
  name text not null,
  agent text not null,
  generation bigint not null,
  -- The snapshot that this row's entry came from. Only a replica at or above it may decide, change or retire the row.
  sequence bigint not null,
  entry_hash text not null,
  -- Canonical JSON of what gives the slots (schedule or at, and the time zone): the old one settles the past when it changes.
  schedule text not null,
  -- When this schedule was first seen, in whole seconds; what @every counts from.
  anchor timestamptz not null,
  -- Every slot up to here has its outcome.
  decided_to timestamptz not null,
  -- When the ticker must look; null: never, unless the entry changes.
  next_start timestamptz,
  -- The next slot, for the status; jitter is not in it.
  next_slot timestamptz,
  suspended boolean not null,
  -- Failures: too many in a row, lifted by a new generation. Manual: by hand, lifted by hand.
  paused_reason text check (paused_reason in ('Failures', 'Manual')),
  on_delete text not null,
  -- How many ended runs are kept; pruned_count is the started_count up to which that was seen to.
  history_limit integer not null,
  pruned_count bigint not null default 0,
  -- Newest value of the annotation talaria.dev/run-at that was recorded; last_run_at: the newest that was acted on.
  run_at_seen text not null default '',
  last_run_at text not null default '',
  started_count bigint not null default 0,
  last_started timestamptz,
  last_succeeded timestamptz,
  consecutive_failures integer not null default 0,
  gone_at timestamptz,
  -- Raised by everything that the status shows; status_written is the version that the CronJob's status has.
  status_version bigint not null default 1,
  status_written bigint not null default 0,
  status_written_at timestamptz,
  -- The reason of the condition Healthy as it was written last; status_urgent: the spec or an outcome that people wait
  -- for changed.
  status_healthy text not null default '',
  status_urgent boolean not null default true
);
create index cron_jobs_due on cron_jobs (next_start) where next_start is not null and gone_at is null;
create index cron_jobs_by_agent on cron_jobs (agent);
create index cron_jobs_status on cron_jobs (status_urgent desc, status_written_at nulls first)
  where status_version > status_written and gone_at is null;

-- The status of each CronJob as it was written last; apart, because the rows of cron_jobs change all the time.
create table cron_job_statuses (
  job_uid text primary key,
  agent text not null,
  status jsonb not null
);

-- One row per decided slot. The key is the slot in UTC or run-at:<value>. It outlives its run, so that a slot is never
-- started twice; what the row of a gap covers has no rows here.
create table occurrences (
  job_uid text not null,
  key text not null,
  agent text not null,
  slot timestamptz not null,
  outcome text not null check (outcome in ('Started', 'Missed', 'Recorded')),
  reason text not null default '',
  run_id uuid,
  decided_at timestamptz not null default talaria_now(),
  primary key (job_uid, key)
);
create index occurrences_of_job on occurrences (job_uid, slot desc);

-- Many slots in a row that share a reason: after from_time, up to and including to_time. They are counted in slices;
-- counted_to equals to_time when that is done.
create table gaps (
  id uuid primary key,
  job_uid text not null,
  agent text not null,
  from_time timestamptz not null,
  to_time timestamptz not null,
  reason text not null,
  schedule text not null,
  anchor timestamptz not null,
  count bigint not null,
  counted_to timestamptz not null,
  decided_at timestamptz not null default talaria_now()
);
create index gaps_uncounted on gaps (decided_at) where counted_to < to_time;
create index gaps_by_job on gaps (job_uid, to_time desc);

-- Totals, so that neither metrics nor status count rows, and pruning loses nothing.
create table missed_totals (
  job_uid text not null,
  reason text not null,
  agent text not null,
  count bigint not null,
  -- The newest slot missed for this reason.
  last_slot timestamptz not null,
  primary key (job_uid, reason)
);

alter table runs
  add column slot timestamptz,
  -- Starts only when no earlier exclusive run of its job is active or queued.
  add column exclusive boolean not null default false,
  -- Part of a backlog that is worked off in slot order.
  add column backlog boolean not null default false,
  -- A run that is stopping and still there at this time becomes unknown.
  add column stop_by timestamptz;
create index runs_open_by_job on runs (job_uid)
  where job_uid is not null and status in ('queued', 'running', 'waiting_for_approval', 'stopping');
create index runs_stopping on runs (stop_by) where status = 'stopping';

-- One row per part of what a run delivers to a target. Its id is the idempotency key on the wire.
create table deliveries (
  id uuid primary key,
  -- Kept when the run is pruned: what was accepted is sent.
  run_id uuid not null,
  agent text not null,
  agent_uid text not null,
  job_uid text not null default '',
  -- deliver/<name> or failure/<name>
  target text not null,
  part integer not null,
  parts integer not null,
  -- What must arrive in order: one chat, or one webhook target. Only its head is sent.
  line text not null,
  seq bigint generated always as identity,
  kind text not null check (kind in ('webhook', 'log', 'account')),
  destination jsonb not null,
  data jsonb not null,
  status text not null check (status in
    ('pending', 'sending', 'sent', 'ambiguous', 'dead', 'suppressed', 'expired')),
  attempts integer not null default 0,
  -- Who is sending it; its lease is the lease of the line.
  worker uuid,
  next_attempt_at timestamptz not null default talaria_now(),
  expires_at timestamptz not null,
  last_error text not null default '',
  created_at timestamptz not null default talaria_now(),
  sent_at timestamptz,
  unique (run_id, target, part)
);
create index deliveries_open on deliveries (next_attempt_at) where status in ('pending', 'sending');
create index deliveries_line on deliveries (line, seq) where status in ('pending', 'sending');
create index deliveries_by_agent on deliveries (agent, created_at desc);

-- Work that one replica at a time does, by name.
create table leases (
  name text primary key,
  worker uuid not null,
  lease_until timestamptz not null
);
