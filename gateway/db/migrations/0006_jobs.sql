-- What the pause and the reports of CronJobs need to remember.

alter table cron_jobs
  -- Failures in a row from before a pause was lifted or the spec changed: onFailure.suspendAfter does not count them.
  add column failures_forgiven integer not null default 0,
  -- Runs that failed or whose outcome is unknown, for the metric.
  add column failed_count bigint not null default 0,
  -- Up to which missed slots, those of suspensions aside, and which failed runs people were told.
  add column misses_told bigint not null default 0,
  add column failures_told bigint not null default 0;

update cron_jobs j set misses_told = coalesce(
  (select sum(m.count) from missed_totals m where m.job_uid = j.uid and m.reason <> 'Suspended'), 0);

-- What pruning looks for. Rows come in the order of their age, so that a few pages tell where the old ones are.
create index occurrences_by_age on occurrences using brin (decided_at);

-- Set for runs of CronJobs that became unknown while nobody was told yet: how many in a row had failed then, this one
-- included.
alter table runs add column untold_failures integer;
create index runs_untold on runs (id) where untold_failures is not null;
