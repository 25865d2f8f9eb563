import { isKnownTimeZone } from '../../../core/schedule/parse.ts';
import type { Draft } from '../draft.ts';
import { listIn, member, textIn } from '../fields.ts';
import { fromCron, fromInstant, fromInterval, type ScheduleFields } from '../schedule.ts';
import type { AgentNames } from './agents.ts';
import type { HermesHome, HermesSource } from './read.ts';
import { toTargets } from './targets.ts';

/** Adds a CronJob for each job that Hermes would still run. The home that holds a job says whose it is. */
export function addJobs(draft: Draft, hermes: HermesSource, names: AgentNames, nowMs: number): void {
  const timeZone = timeZoneOf(draft, hermes.config);
  const owned = owners(hermes, names).flatMap(({ home, id, agent }) =>
    home.jobs.map((job, at) => ({ job, id, agent, source: `${id}: cron/jobs.json[${at}]` })),
  );
  const kept = owned.flatMap((one) => {
    const title = textIn(one.job, 'name') ?? textIn(one.job, 'id') ?? one.source;
    const schedule = scheduleOf(one.job, timeZone, nowMs);
    const fault = 'fault' in schedule ? schedule.fault : unrunnable(one.job);
    if (fault === undefined) return [{ ...one, schedule, name: draft.name('CronJob', title, one.source) }];
    draft.note('left out', one.source, `"${title}": ${fault}.`);
    return [];
  });
  const nameOfId = new Map(kept.map(({ job, name, agent }) => [textIn(job, 'id') ?? '', { name, agent }]));
  for (const { job, id, agent, source, name, schedule } of kept) {
    draft.add('CronJob', name, {
      ...schedule,
      agentRef: { name: agent },
      prompt: { inline: textIn(job, 'prompt') ?? 'Do what your skills say.' },
      ...(isPaused(job) || textIn(job, 'script') !== undefined ? { suspend: true } : {}),
      ...contextOf(draft, job, agent, source, nameOfId),
      ...toTargets(draft, {
        job,
        source,
        isMain: id === 'main',
        main: names.get('main') ?? 'main',
        variables: hermes.root.variables,
      }),
    });
    noteRest(draft, job, source);
  }
}

/** Each home once, with the first agent that has it. */
function owners({ root, homes }: HermesSource, names: AgentNames) {
  const seen = new Set<HermesHome>();
  return [...names].flatMap(([id, agent]) => {
    const home = homes.get(id) ?? root;
    if (seen.has(home)) return [];
    seen.add(home);
    return [{ home, id, agent }];
  });
}

function timeZoneOf(draft: Draft, config: unknown): string {
  const zone = textIn(config, 'timezone');
  if (zone !== undefined && isKnownTimeZone(zone)) return zone;
  const why =
    zone === undefined ? 'No timezone is set, and Hermes takes that of its machine' : `"${zone}" is no time zone`;
  draft.note('to do', 'timezone', `${why}: jobs have UTC; set timeZone where another is meant.`);
  return 'UTC';
}

function scheduleOf(job: unknown, timeZone: string, nowMs: number): ScheduleFields {
  const kind = textIn(job, 'schedule', 'kind');
  const expression = textIn(job, 'schedule', 'expr');
  const instant = textIn(job, 'schedule', 'run_at');
  const minutes = Number(member(job, 'schedule', 'minutes'));
  if (kind === 'cron' && expression !== undefined) return fromCron(expression, timeZone);
  if (kind === 'interval') return fromInterval(minutes * 60);
  if (kind === 'once' && instant !== undefined) return fromInstant(instant, nowMs);
  return { fault: 'its schedule cannot be read' };
}

function unrunnable(job: unknown): string | undefined {
  const state = textIn(job, 'state');
  if (state === 'completed') return 'it is completed';
  if (member(job, 'no_agent') === true) return 'it runs a script and no agent, which Talaria does not';
  const hasSkills = listIn(job, 'skills').length > 0 || textIn(job, 'skill') !== undefined;
  return textIn(job, 'prompt') === undefined && !hasSkills ? 'it has no prompt' : undefined;
}

function isPaused(job: unknown): boolean {
  const state = textIn(job, 'state');
  return member(job, 'enabled') === false || state === 'paused' || state === 'error';
}

function contextOf(
  draft: Draft,
  job: unknown,
  agent: string,
  source: string,
  nameOfId: ReadonlyMap<string, { readonly name: string; readonly agent: string }>,
): object {
  const ids = listIn(job, 'context_from').filter((id) => typeof id === 'string');
  const found = ids.flatMap((id) => {
    const other = nameOfId.get(id);
    if (other?.agent === agent) return [{ name: other.name }];
    draft.note('left out', source, `contextFrom: the job ${id} is not imported for this agent.`);
    return [];
  });
  if (found.length > 1)
    draft.note(
      'changed',
      source,
      'The outputs of other jobs come in the order listed; Hermes puts the last one first.',
    );
  return found.length === 0 ? {} : { contextFrom: found };
}

function noteRest(draft: Draft, job: unknown, source: string): void {
  if (textIn(job, 'script') !== undefined) {
    draft.note(
      'to do',
      source,
      'It ran a script before the agent, which Talaria does not: the job is suspended until its prompt does without.',
    );
  }
  const skills = [
    ...new Set([...listIn(job, 'skills'), textIn(job, 'skill')].filter((name) => typeof name === 'string')),
  ];
  if (skills.length > 0) {
    draft.note(
      'changed',
      source,
      `Its skills ${skills.join(', ')} are not put into the prompt: the agent looks up the skills it has.`,
    );
  }
  if (textIn(job, 'model') !== undefined || textIn(job, 'provider') !== undefined) {
    draft.note('changed', source, 'It had a model of its own and has that of its Agent.');
  }
  if (textIn(job, 'workdir') !== undefined) draft.note('left out', source, 'It ran in a folder of the machine.');
  const times = member(job, 'repeat', 'times');
  if (typeof times === 'number' && times > 0 && textIn(job, 'schedule', 'kind') !== 'once') {
    draft.note('changed', source, `It ended after ${times} runs and goes on without end: delete it then.`);
  }
}
