/**
 * `npm run verify:isolation`: random requests and runs of 50 agents, a million of them in this process and 20,000 over HTTP
 * against three replicas, each a process. Prints the totals and exits 1 when anything came that was not predicted. Options: `--count`,
 * `--http`, `--seed`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../test/harness/postgres.ts';
import type { Report } from '../test/isolation/findings.ts';
import { runInProcess } from '../test/isolation/in-process.ts';
import { type OverHttpReport, type Replica, runOverHttp } from '../test/isolation/over-http.ts';
import { startTaggedModel } from '../test/isolation/tagged-model.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    http: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const seed = Number(values.seed);
const say = (line: string) => process.stdout.write(`${line}\n`);
say(`seed ${seed}`);

const startedAt = performance.now();
const inProcess = await runInProcess({ seed, count: Number(values.count), say });
tell('in this process', inProcess, `${inProcess.changes} changes, ${inProcess.runs} runs`);
const http = await overHttp(Number(values.http));
tell(
  'over HTTP, three processes on one PostgreSQL',
  http,
  `${http.changes} changes, ${http.runs} runs, ${http.continued} turns with a history, ${http.hijacks} hijacks, ${http.repeats} repeated`,
);
const passed = isGood(inProcess) && isGood(http);
say(`${passed ? 'passed' : 'FAILED'} in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
process.exitCode = passed ? 0 : 1;

async function overHttp(count: number): Promise<OverHttpReport> {
  const [postgres, model] = await Promise.all([startPostgres(), startTaggedModel()]);
  const database = await postgres.createDatabase();
  const replicas = await Promise.all([1, 2, 3].map(() => startReplica(database.url)));
  try {
    return await runOverHttp({ seed, count, replicas, modelBaseURL: model.baseURL, say });
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await model.stop();
    await postgres.stop();
  }
}

async function startReplica(databaseUrl: string): Promise<Replica & { readonly stop: () => Promise<void> }> {
  const child = fork(path.join(import.meta.dirname, 'isolation-replica.ts'), [databaseUrl]);
  const { url } = await nextMessage<{ url: string }>(child);
  return {
    url,
    serve: async (fields) => {
      const answer = nextMessage<{ served: boolean; error?: string }>(child);
      child.send(fields);
      const { served, error } = await answer;
      if (!served) throw new Error(error);
    },
    stop: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/** Rejects when the process ends instead, or says nothing for a minute. */
async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(60_000)]);
  const message = once(child, 'message', { signal }).then(([value]) => value as T);
  const end = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`a replica ended with ${code}`);
  });
  try {
    return (await Promise.race([message, end])) as T;
  } finally {
    end.catch(() => undefined);
    done.abort();
  }
}

function tell(where: string, report: Report, more: string): void {
  const share = ((100 * report.answered) / report.total).toFixed(1);
  say(`${where}: ${report.total} in all, ${more}`);
  say(
    `  answered ${report.answered} (${share} %), not as predicted ${report.unpredicted}, crossings ${report.crossings}`,
  );
  for (const [code, count] of Object.entries(report.refused).sort()) say(`  ${code} ${count}`);
  for (const example of report.examples) say(`  ${example}`);
}

function isGood({ total, answered, unpredicted, crossings }: Report): boolean {
  return unpredicted === 0 && crossings === 0 && answered * 2 >= total;
}
