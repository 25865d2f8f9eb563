import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import type { JobRun } from './job-run.ts';
import { RunFailure } from './run-failure.ts';

/** How much of one output is put before a prompt, in characters; what is longer is cut at its end. */
export const maxContextCharacters = 8_000;

/**
 * The CronJobs that the run's `contextFrom` names, in its order. Throws RunFailure when one is missing or belongs to another
 * agent: nothing of another agent is ever read.
 */
export function contextJobs({ agent, input }: JobRun, table: Table): readonly JobEntry[] {
  const wanted = new Set(input.job.contextFrom);
  if (wanted.size === 0) return [];
  const found = new Map(table.content.jobs.flatMap((job) => (wanted.has(job.name) ? [[job.name, job] as const] : [])));
  return [...wanted].map((name) => {
    const job = found.get(name);
    if (job?.agent === agent) return job;
    const problem = job === undefined ? 'does not exist' : `belongs to another Agent than "${agent}"`;
    throw new RunFailure(
      'refs_not_resolved',
      `contextFrom: the CronJob "${name}" ${problem}; name one of the same Agent`,
    );
  });
}

/**
 * The run's prompt with the last output of each of these jobs before it, in their order. The last output is the text of the
 * newest slot whose run completed, also when it was only the silence marker.
 */
export async function promptWithContext(database: Database, run: JobRun, jobs: readonly JobEntry[]): Promise<string> {
  if (jobs.length === 0) return run.input.prompt;
  const { rows } = await database.query<OutputRow>(statement, [
    jobs.map(({ uid }) => uid),
    run.agent,
    maxContextCharacters,
  ]);
  const outputs = new Map(rows.map((row) => [row.job_uid, row]));
  return [...jobs.map(({ name, uid }) => contextBlock(name, outputs.get(uid))), run.input.prompt].join('\n\n');
}

interface OutputRow {
  readonly job_uid: string;
  readonly slot: Date;
  readonly text: string;
  readonly cut: boolean;
}

function contextBlock(name: string, output: OutputRow | undefined): string {
  if (output === undefined) return `<output cronjob="${name}">\n(none yet)\n</output>`;
  const text = output.cut ? `${output.text}\n(cut after ${maxContextCharacters} characters)` : output.text;
  return `<output cronjob="${name}" slot="${output.slot.toISOString()}">\n${text}\n</output>`;
}

const statement = `
  select wanted.uid as job_uid, newest.slot, left(newest.output_text, $3) as text,
    length(newest.output_text) > $3 as cut
  from unnest($1::text[]) as wanted (uid)
  cross join lateral (
    select r.slot, r.output_text from runs r
    where r.job_uid = wanted.uid and r.agent = $2 and r.status = 'completed' and r.output_text is not null
    order by r.slot desc, r.id desc limit 1
  ) newest`;
