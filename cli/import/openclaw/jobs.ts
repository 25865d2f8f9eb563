import { isKnownTimeZone } from '../../../core/schedule/parse.ts';
import { type Draft, toLabel } from '../draft.ts';
import { member, textIn } from '../fields.ts';
import { fromCron, fromInstant, fromInterval, type ScheduleFields } from '../schedule.ts';
import type { Account } from './accounts.ts';
import { toTargets } from './targets.ts';

interface JobsContext {
  readonly names: ReadonlyMap<string, string>;
  /** The name of the Agent for jobs that name none. */
  readonly fallback: string;
  readonly accounts: readonly Account[];
  readonly nowMs: number;
}

/** Adds a CronJob for each job that OpenClaw would still run. */
export function addJobs(draft: Draft, jobs: readonly unknown[], context: JobsContext): void {
  for (const [at, job] of jobs.entries()) {
    const source = `cron/jobs.json[${at}]`;
    const title = textIn(job, 'name') ?? textIn(job, 'id') ?? source;
    const schedule = scheduleOf(draft, job, source, context.nowMs);
    const prompt = textIn(job, 'payload', 'message') ?? textIn(job, 'payload', 'text');
    const fault = 'fault' in schedule ? schedule.fault : prompt === undefined ? 'it asks no agent anything' : undefined;
    if (fault !== undefined) {
      draft.note('left out', source, `"${title}": ${fault}.`);
      continue;
    }
    const agent = agentOf(draft, job, source, context);
    draft.add('CronJob', draft.name('CronJob', title, source), {
      ...schedule,
      agentRef: { name: agent },
      prompt: { inline: prompt },
      ...(member(job, 'enabled') === false ? { suspend: true } : {}),
      ...sessionOf(draft, job, source),
      ...timeoutOf(job),
      ...toTargets(draft, { job, source, agent, accounts: context.accounts }),
    });
    noteRest(draft, job, source);
  }
}

function scheduleOf(draft: Draft, job: unknown, source: string, nowMs: number): ScheduleFields {
  const schedule = member(job, 'schedule');
  const kind = textIn(schedule, 'kind');
  const expression = textIn(schedule, 'expr');
  if (kind === 'every') return fromInterval(Number(member(schedule, 'everyMs')) / 1_000);
  if (kind === 'at') {
    const at = textIn(schedule, 'at') ?? new Date(Number(member(schedule, 'atMs')) || 0).toISOString();
    return fromInstant(/[zZ]$|[+-]\d\d:?\d\d$/.test(at) ? at : `${at}Z`, nowMs);
  }
  if (kind !== 'cron' || expression === undefined) return { fault: 'its schedule cannot be read' };
  const zone = textIn(schedule, 'tz');
  if (zone === undefined)
    draft.note(
      'to do',
      source,
      'It has no time zone, and OpenClaw takes that of its machine: it has UTC; set timeZone.',
    );
  if (zone !== undefined && !isKnownTimeZone(zone)) return { fault: `"${zone}" is no time zone` };
  const fields = fromCron(expression, zone ?? 'UTC');
  const staggerMs = member(schedule, 'staggerMs');
  if ('fault' in fields || typeof staggerMs !== 'number' || staggerMs < 1_000) return fields;
  draft.note('changed', source, 'It is spread by jitterSeconds, which gives it another place in that time.');
  return { ...fields, jitterSeconds: Math.ceil(staggerMs / 1_000) };
}

function agentOf(draft: Draft, job: unknown, source: string, { names, fallback }: JobsContext): string {
  const id = textIn(job, 'agentId');
  if (id !== undefined && !names.has(id))
    draft.note('changed', source, `There is no agent "${id}"; it runs as ${fallback}, as in OpenClaw.`);
  return names.get(id ?? '') ?? fallback;
}

function sessionOf(draft: Draft, job: unknown, source: string): object {
  const target = textIn(job, 'sessionTarget') ?? 'isolated';
  if (target.startsWith('session:'))
    return { session: { type: 'Named', name: toLabel(target.slice('session:'.length)) } };
  if (target !== 'isolated') {
    draft.note(
      'changed',
      source,
      `It ran in the session "${target}" and has an empty one for each run; see session.type.`,
    );
  }
  return {};
}

function timeoutOf(job: unknown): object {
  const seconds = member(job, 'payload', 'timeoutSeconds');
  return typeof seconds === 'number' && seconds >= 1 ? { timeoutSeconds: Math.min(Math.round(seconds), 86_400) } : {};
}

function noteRest(draft: Draft, job: unknown, source: string): void {
  const own = ['model', 'thinking'].filter((key) => textIn(job, 'payload', key) !== undefined);
  if (own.length > 0)
    draft.note('changed', source, `It had a ${own.join(' and ')} of its own and has that of its Agent.`);
}
