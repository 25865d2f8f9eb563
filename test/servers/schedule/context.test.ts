import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import { maxContextCharacters } from '../../../gateway/job-runs/job-context.ts';
import { agentEntry, jobEntry, tableOf } from './entries.ts';
import { runsWith, seen } from './observe.ts';
import { type Replica, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { answer } from './turns.ts';

let state: TestState;
let replica: Replica;
let sequence: number;
/** What the agents were asked, in order. */
let asked: string[];

beforeEach(async () => {
  state = await createState();
  sequence = 1;
  asked = [];
});

afterEach(async () => {
  await replica.stop();
  await state.drop();
});

const agents = [agentEntry('clerk'), agentEntry('other')];
const quiet = (name: string, change: Partial<JobEntry> = {}) => jobEntry(name, { schedule: '@every 1000h', ...change });

async function start(...jobs: JobEntry[]): Promise<void> {
  replica = startReplica({
    url: state.url,
    name: 'a',
    table: await tableOf({ sequence, agents, jobs }),
    runTurn: async ({ messages, onEffect }) => {
      await onEffect?.();
      asked.push(messages.map(({ content }) => String(content)).join('|'));
      return answer('done');
    },
  });
  for (const { name } of jobs) await seen(state, name);
}

/** Puts the next snapshot in force, in which the last of the jobs runs. */
async function run(...jobs: JobEntry[]): Promise<void> {
  sequence += 1;
  const last = jobs.length - 1;
  const now = jobs.map((job, index) => (index === last ? { ...job, runAt: `run ${sequence}` } : job));
  replica.swap(await tableOf({ sequence, agents, jobs: now }));
}

/** A run of the job as it would be stored, its slot this many hours ago. */
async function stored(job: JobEntry, hoursAgo: number, text: string | null, status = 'completed', agent = job.agent) {
  await state.rows(
    `insert into runs (id, agent, agent_uid, agent_generation, sequence, trigger, principal, job_uid, occurrence, slot,
       status, foreground, input, output_text)
     values (gen_random_uuid(), $6, 'uid', 1, 1, 'cron', $1, $1, $2::text, date_trunc('hour', talaria_now()) - make_interval(hours => $2::int),
       $3, false, $4, $5)`,
    [job.uid, hoursAgo, status, JSON.stringify({ prompt: '', job }), text, agent],
  );
}

const withoutSlots = (text: string | undefined) => text?.replaceAll(/ slot="[^"]*"/g, '');

describe('contextFrom', () => {
  it('puts the last output of each job before the prompt, in the order written, and says which has none', async () => {
    const [news, mail, empty] = [quiet('news'), quiet('mail'), quiet('empty')];
    const digest = quiet('digest', { contextFrom: ['news', 'empty', 'mail'] });
    await start(news, mail, empty, digest);
    await stored(news, 3, 'old news');
    await stored(news, 2, 'new news');
    await stored(news, 1, null, 'failed');
    await stored(mail, 5, 'two letters');
    await run(news, mail, empty, digest);
    await runsWith(state, 'digest', 1, 'completed');
    expect(asked).toHaveLength(1);
    expect(withoutSlots(asked[0])).toBe(
      [
        '<output cronjob="news">\nnew news\n</output>',
        '<output cronjob="empty">\n(none yet)\n</output>',
        '<output cronjob="mail">\ntwo letters\n</output>',
        'good morning',
      ].join('\n\n'),
    );
  });

  it('is cut where an output is too long, by characters that people see as one', async () => {
    const news = quiet('news');
    const digest = quiet('digest', { contextFrom: ['news'] });
    await start(news, digest);
    await stored(news, 1, '😀'.repeat(maxContextCharacters + 1));
    await run(news, digest);
    await runsWith(state, 'digest', 1, 'completed');
    expect(asked[0]).toContain(`\n${'😀'.repeat(maxContextCharacters)}\n(cut after 8000 characters)\n</output>`);
  });

  it.each([
    ['of another agent', (news: JobEntry) => [{ ...news, agent: 'other' }]],
    ['that does not exist', () => []],
  ])('refuses a job %s before any model call', async (_, others) => {
    const news = quiet('news');
    const digest = quiet('digest', { contextFrom: ['news'] });
    await start(...others(news), digest);
    await stored(news, 1, 'secret', 'completed', 'other');
    await run(...others(news), digest);
    const [failed] = await runsWith(state, 'digest', 1, 'failed');
    expect(failed?.error_code).toBe('refs_not_resolved');
    expect(asked).toEqual([]);
  });

  it('never reads what a job put out while it was another agent’s', async () => {
    const news = quiet('news');
    const digest = quiet('digest', { contextFrom: ['news'] });
    await start(news, digest);
    await stored(news, 1, 'secret', 'completed', 'other');
    await run(news, digest);
    await runsWith(state, 'digest', 1, 'completed');
    expect(asked[0]).toContain('(none yet)');
    expect(asked[0]).not.toContain('secret');
  });
});
