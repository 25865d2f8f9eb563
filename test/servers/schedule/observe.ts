import { waitFor } from '../../harness/wait-for.ts';
import type { TestState } from './state.ts';

/** Waits until the row of the job is there, and gives its anchor in Unix milliseconds. */
export async function seen(state: TestState, job: string): Promise<number> {
  const row = await waitFor(`the row of ${job}`, async () => {
    const rows = await state.rows<{ anchor: Date }>('select anchor from cron_jobs where uid = $1', [`uid-of-${job}`]);
    return rows[0];
  });
  return row.anchor.getTime();
}

/** Outcomes of a job's slots in their order, such as `1h Started` or `2h Missed Forbid`, counted from the anchor. */
export async function outcomes(state: TestState, job: string): Promise<string[]> {
  const rows = await state.rows<{ hours: number; outcome: string; reason: string }>(
    `select round(extract(epoch from o.slot - j.anchor) / 3600)::int as hours, o.outcome, o.reason
     from occurrences o join cron_jobs j on j.uid = o.job_uid where o.job_uid = $1 order by o.slot, o.key`,
    [`uid-of-${job}`],
  );
  return rows.map(({ hours, outcome, reason }) => `${hours}h ${outcome} ${reason}`.trim());
}

/** Waits until the job has this many outcomes, and gives them. */
export async function decided(state: TestState, job: string, count: number): Promise<string[]> {
  return await waitFor(`${count} outcomes of ${job}`, async () => {
    const found = await outcomes(state, job);
    return found.length >= count ? found : undefined;
  });
}

/** A run as the tests look at it. */
export interface SeenRun {
  readonly id: string;
  readonly agent: string;
  readonly status: string;
  readonly attempt: number;
  readonly error_code: string | null;
  readonly output_text: string | null;
}

/** The runs of a job, by slot. */
export async function runsOf(state: TestState, job: string): Promise<readonly SeenRun[]> {
  return await state.rows<SeenRun>(
    'select id, agent, status, attempt, error_code, output_text from runs where job_uid = $1 order by slot, id',
    [`uid-of-${job}`],
  );
}

/** Waits until the job has `count` runs and all of them have one of the statuses. */
export async function runsWith(
  state: TestState,
  job: string,
  count: number,
  ...statuses: string[]
): Promise<readonly SeenRun[]> {
  return await waitFor(`${count} runs of ${job} to be ${statuses.join(' or ')}`, async () => {
    const runs = await runsOf(state, job);
    return runs.length === count && runs.every(({ status }) => statuses.includes(status)) ? runs : undefined;
  });
}
