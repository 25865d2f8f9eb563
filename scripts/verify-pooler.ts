/**
 * `npm run verify:pooler [-- SECONDS]`: two gateways on PostgreSQL through PgBouncer in transaction mode, with the direct
 * URL for LISTEN and migrations: turns, runs, events, interruption, idempotency, limits, a CronJob; then PgBouncer is
 * restarted, and then PostgreSQL is away for so many seconds (default 30) under load, behind PgBouncer and without one.
 */
import { startMockModel } from '../test/harness/mock-model.ts';
import { startPostgres } from '../test/harness/postgres.ts';
import { describeOutage, runOutage } from '../test/servers/gateway/outage-load.ts';
import { createChecks } from './verify/checks.ts';
import { serverConnections, startPgBouncer } from './verify/pgbouncer.ts';
import { startPooledPair } from './verify/pooled-pair.ts';
import { checkPooledWork } from './verify/pooled-work.ts';

const seconds = Number(process.argv[2] ?? 30);
const checks = createChecks();
const [postgres, mock] = await Promise.all([startPostgres(), startMockModel()]);
const bouncer = await startPgBouncer(postgres.url);
process.stdout.write(`${bouncer.version}, pool_mode transaction, ${serverConnections} connections to PostgreSQL\n`);

try {
  await checkWork();
  await checkOutage('behind PgBouncer', bouncer.url);
  await checkOutage('without PgBouncer', (direct) => direct);
} finally {
  await bouncer.stop();
  await Promise.all([mock.stop(), postgres.stop()]);
}
checks.finish();

async function checkWork(): Promise<void> {
  const { url: directUrl } = await postgres.createDatabase();
  const pair = await startPooledPair({ url: bouncer.url(directUrl), directUrl, mock });
  const [server] = await pair.rows<{ server_version: string }>('show server_version');
  process.stdout.write(`PostgreSQL ${server?.server_version ?? 'of unknown version'}\n`);
  await checkPooledWork(checks, pair, mock, bouncer);
  await pair.stop();
}

async function checkOutage(where: string, through: (directUrl: string) => string): Promise<void> {
  const { url: directUrl } = await postgres.createDatabase();
  const pair = await startPooledPair({ url: through(directUrl), directUrl, mock });
  mock.always({ kind: 'answer', text: 'an answer', delayMs: 20 });
  await checks.check(`PostgreSQL away for ${seconds} s under load, ${where}`, async () => {
    const report = await runOutage({
      urls: pair.urls,
      stopDatabase: postgres.kill,
      startDatabase: postgres.start,
      seconds,
      rows: pair.rows,
    });
    process.stdout.write(`${describeOutage(report)}\n`);
    if (report.faults.length > 0) throw new Error(report.faults.slice(0, 10).join('; '));
    const outcomes = [report.answers.stored, report.answers.runs]
      .flatMap((phases) => Object.values(phases))
      .flatMap((counts) => Object.keys(counts));
    const unknown = outcomes.filter((outcome) => !/^(20[02]|503 state_unavailable|502 run_unknown)$/.test(outcome));
    if (unknown.length > 0) throw new Error(`answers that were not expected: ${unknown.join(', ')}`);
    return undefined;
  });
  mock.always({ kind: 'answer' });
  await pair.stop();
}
