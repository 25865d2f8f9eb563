import { describe, expect, it } from 'vitest';
import { functionsOf, migrations, queriesOf, read, textsOf, touchesOf } from './sql-statements.ts';

/** Tables whose rows are an agent's. */
const tables = [
  ...['sessions', 'items', 'runs', 'responses', 'run_events', 'approvals', 'idempotency_keys', 'limit_meters'],
  ...[
    'limit_slots',
    'cron_jobs',
    'cron_job_statuses',
    'occurrences',
    'gaps',
    'missed_totals',
    'deliveries',
    'account_leases',
    'memories',
    'agent_statuses',
    'files',
    'file_totals',
    'seeded_files',
  ],
];

/** What need not name the agent, and why. `at`: file, function of a migration, verb and table. */
const withoutAgent: readonly { readonly because: string; readonly at: readonly string[] }[] = [
  {
    because: 'It writes only where run, worker and attempt still hold, which one claim of that very run gave out.',
    at: [
      'gateway/db/migrations/0004_turns.sql continue_run: select runs',
      'gateway/db/migrations/0004_turns.sql continue_run: update runs',
      'gateway/db/migrations/0004_turns.sql finish_turn: select runs',
      'gateway/db/migrations/0004_turns.sql finish_turn: update runs',
      'gateway/job-runs/finish-run.ts: select runs',
      'gateway/job-runs/job-session.ts: update runs',
      'gateway/runs/approvals.ts: update runs',
      'gateway/worker/queue-again.ts: update runs',
    ],
  },
  {
    because: 'A late result is kept on a run whose outcome is unknown, by the id that its own worker knows.',
    at: ['gateway/job-runs/finish-run.ts: update runs'],
  },
  {
    because:
      'The session was read, locked or found with its agent in this statement; this asks only what of it is at work.',
    at: [
      'gateway/chat/chat-session.ts: select runs',
      'gateway/db/migrations/0004_turns.sql begin_run: select runs',
      'gateway/db/migrations/0004_turns.sql begin_run: update runs',
      'gateway/db/migrations/0004_turns.sql finish_turn: select sessions',
      'gateway/job-runs/job-session.ts: select runs',
      'gateway/sessions/prune-sessions.ts: select runs',
      'gateway/api-runs/claim.ts: select sessions',
      'gateway/turns/begin-turn.ts: select runs',
    ],
  },
  {
    because: 'The name or id of a session is looked up for its principal, to learn which agent it belongs to.',
    at: [
      'gateway/db/migrations/0004_turns.sql begin_run: select sessions',
      'gateway/sessions/make-session.ts: select sessions',
    ],
  },
  {
    because:
      'An Idempotency-Key is its principal’s, whatever agent it began; the row tells which, and the caller checks it.',
    at: [
      'gateway/db/migrations/0004_turns.sql release_idempotency_key: delete idempotency_keys',
      'gateway/db/migrations/0004_turns.sql take_idempotency_key: delete idempotency_keys',
      'gateway/db/migrations/0004_turns.sql take_idempotency_key: select idempotency_keys',
    ],
  },
  {
    because: 'The rows were chosen by agent in the part of the statement before.',
    at: ['gateway/runs/request-stop.ts: update runs', 'gateway/runs/stop-any-run.ts: update runs'],
  },
  {
    because: 'A worker takes or gives back what waits, whoever’s it is; every row that it gets tells its agent.',
    at: [
      'gateway/db/migrations/0007_deliveries.sql promote_deliveries: select deliveries',
      'gateway/db/migrations/0007_deliveries.sql promote_deliveries: update deliveries',
      'gateway/db/migrations/0007_deliveries.sql take_deliveries: select deliveries',
      'gateway/db/migrations/0007_deliveries.sql take_deliveries: update deliveries',
      'gateway/job-runs/claim.ts: select runs',
      'gateway/worker/watch.ts: select runs',
      'gateway/worker/watch.ts: update runs',
      'gateway/turns/active-turns.ts: select runs',
      'gateway/api-runs/claim.ts: select runs',
    ],
  },
  {
    because: 'The reaper settles what a dead worker left, of all agents.',
    at: [
      'gateway/worker/reap.ts: select runs',
      'gateway/worker/reap.ts: update runs',
      'gateway/worker/reaper.ts: select runs',
    ],
  },
  {
    because:
      'A job’s row is its CronJob’s uid, which no other has; its agent may change while a run of the one before ends.',
    at: [
      'gateway/delivery/read-deliveries.ts: select cron_jobs',
      'gateway/runs/admin-runs.ts: select cron_jobs',
      ...['record_delivery', 'retry_delivery', 'discard_delivery', 'take_deliveries'].map(
        (name) => `gateway/db/migrations/0007_deliveries.sql ${name}: update cron_jobs`,
      ),
      'gateway/db/migrations/0007_deliveries.sql take_deliveries: select cron_jobs',
      'gateway/job-runs/claim.ts: select cron_jobs',
      'gateway/job-runs/claim.ts: update cron_jobs',
      'gateway/job-runs/finish-run.ts: select cron_jobs',
      'gateway/job-runs/finish-run.ts: update cron_jobs',
      'gateway/runs/stop-any-run.ts: update cron_jobs',
      'gateway/worker/queue-again.ts: update cron_jobs',
      'gateway/worker/reap.ts: select cron_jobs',
      'gateway/worker/reap.ts: update cron_jobs',
      'gateway/job-runs/tell-unknown.ts: select cron_jobs',
      'gateway/schedule/count-gaps.ts: update cron_jobs',
      'gateway/schedule/count-gaps.ts: update missed_totals',
      'gateway/schedule/open-runs.ts: select runs',
      'gateway/schedule/retire.ts: update cron_jobs',
      'gateway/schedule/retire.ts: update runs',
      'gateway/schedule/upsert.ts: select cron_jobs',
      'gateway/schedule/write-outcomes.ts: update cron_jobs',
      'gateway/schedule/write-outcomes.ts: update runs',
    ],
  },
  {
    because:
      'The ticker looks for what is due or uncounted, whoever’s it is; the entry of the job in the table names the agent.',
    at: [
      'gateway/schedule/count-gaps.ts: select gaps',
      'gateway/schedule/count-gaps.ts: update gaps',
      'gateway/schedule/decide-apart.ts: update cron_jobs',
      'gateway/schedule/due-jobs.ts: select cron_jobs',
      'gateway/schedule/due-jobs.ts: update cron_jobs',
      'gateway/schedule/ticker.ts: select cron_jobs',
    ],
  },
  {
    because: 'The status of a CronJob tells all of that job, by its uid, to those who may read it.',
    at: [
      ...['cron_job_statuses', 'cron_jobs', 'deliveries', 'missed_totals', 'occurrences', 'runs'].map(
        (table) => `gateway/schedule/job-facts.ts: select ${table}`,
      ),
      ...['deliveries', 'missed_totals', 'occurrences', 'runs'].map(
        (table) => `gateway/schedule/list-jobs.ts: select ${table}`,
      ),
    ],
  },
  {
    because: 'The name of an account begins with that of the agent that owns it.',
    at: [
      'gateway/delivery/account-status-writer.ts: select account_leases',
      'gateway/delivery/broken-accounts.ts: update account_leases',
      'gateway/delivery/metrics.ts: select account_leases',
      'gateway/delivery/take-deliveries.ts: update account_leases',
      'gateway/db/migrations/0007_deliveries.sql take_deliveries: select account_leases',
      'gateway/db/migrations/0007_deliveries.sql take_deliveries: insert account_leases',
      'gateway/db/migrations/0007_deliveries.sql take_deliveries: update account_leases',
      'gateway/db/migrations/0007_deliveries.sql record_delivery: update account_leases',
    ],
  },
  {
    because: 'A metric counts over all jobs and agents.',
    at: [
      'gateway/delivery/metrics.ts: select deliveries',
      'gateway/runs/metrics.ts: select runs',
      'gateway/schedule/metrics.ts: select cron_jobs',
      'gateway/schedule/metrics.ts: select missed_totals',
    ],
  },
  {
    because: 'Pruning deletes what is old or of a job that is gone, of all agents.',
    at: [
      ...[
        'cron_job_statuses',
        'cron_jobs',
        'deliveries',
        'gaps',
        'missed_totals',
        'occurrences',
        'runs',
        'sessions',
      ].map((table) => `gateway/schedule/prune.ts: delete ${table}`),
      ...['cron_jobs', 'deliveries', 'gaps', 'occurrences', 'runs'].map(
        (table) => `gateway/schedule/prune.ts: select ${table}`,
      ),
      'gateway/schedule/prune.ts: update cron_jobs',
      'gateway/sessions/prune-sessions.ts: delete idempotency_keys',
      'gateway/sessions/prune-sessions.ts: select idempotency_keys',
    ],
  },
];

/** `ownedBy` gives a condition on agent and principal. */
const namesAgent = /\bagents?\b|_agent\b|\$\{ownedBy\(/;

const touches = touchesOf(tables);
const found = touches.filter(({ query }) => !namesAgent.test(query));
const bare = new Set(found.map(({ file, verb, table }) => `${file}: ${verb} ${table}`));
const allowed = withoutAgent.flatMap(({ at }) => at);

describe('every statement on rows of an agent', () => {
  it('is found', () => {
    expect(touches.length).toBeGreaterThan(150);
    expect(new Set(touches.map(({ table }) => table)).size).toBeGreaterThanOrEqual(tables.length - 1);
  });

  it('names the agent, or is one that need not', () => {
    expect([...bare].filter((place) => !allowed.includes(place))).toEqual([]);
  });

  it('is in a function that one migration alone defines, and none drops', () => {
    const names = migrations()
      .flatMap(functionsOf)
      .map(({ name }) => name);
    expect(names).toContain('begin_run');
    expect(names).toHaveLength(new Set(names).size);
    expect(migrations().filter((file) => /drop function/.test(read(file)))).toEqual([]);
  });

  it('is excused only while it is there', () => {
    expect(allowed.filter((place) => !bare.has(place))).toEqual([]);
    expect(new Set(allowed).size).toBe(allowed.length);
  });
});

describe('the reader of statements', () => {
  it('takes strings and templates and leaves comments and regular expressions', () => {
    const template = 'x $HOLE{g({ c: `y` })} z'.replace('HOLE', '');
    const source = ["/** `no` */ const a = 'it\\'s'; // \"no\"", "const b = /['`/]/;", `f(\`${template}\`, "d");`];
    expect(textsOf(source.join('\n'))).toEqual(["it\\'s", template, 'd']);
  });

  it('sees each query apart from those around it and inside it', () => {
    const text =
      'with a as (select 1 from runs where id in (select id from items)) insert into runs (id, agent) values ($1)';
    expect(queriesOf(text)).toEqual([
      'select id from items',
      'select 1 from runs where id in ()',
      'with a as () insert into runs (id, agent) values ($1)',
    ]);
  });
});
