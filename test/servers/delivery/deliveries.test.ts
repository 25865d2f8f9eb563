import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../core/lib/clock.ts';
import type { DeliverTarget, JobEntry } from '../../../core/snapshot/schema.ts';
import type { RunTurn } from '../../../gateway/agent/turn.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, jobEntry, type TableParts, tableOf } from '../schedule/entries.ts';
import { type Replica, type ReplicaOptions, startReplica } from '../schedule/replica.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { answerTurns, failTurns } from '../schedule/turns.ts';
import { type Receiver, startReceiver, status, verifies } from './receiver.ts';
import { storeDelivery } from './stored-deliveries.ts';

const secret = 'whsec_Zmlyc3Qgc2VjcmV0IG9mIHRoZSB0ZXN0cw==';
const nextSecret = 'whsec_c2Vjb25kIHNlY3JldCBvZiB0aGUgdGVzdHM=';

let state: TestState;
let receiver: Receiver;
const replicas: Replica[] = [];

beforeEach(async () => {
  [state, receiver] = await Promise.all([createState(), startReceiver()]);
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await Promise.all([state.drop(), receiver.stop()]);
});

/** The receiver asks for an hour, so that only `skipBackoff` makes the next attempt. */
const later = status(503, { 'retry-after': '3600' });

const webhook = (url: string, secrets: readonly string[] = [], name = 'hook'): DeliverTarget => ({
  name,
  webhook: { url, secrets },
  expireAfterSeconds: 3_600,
});

/** A job that runs once for each value that `run` gives it. */
const job = (change: Partial<JobEntry>) => jobEntry('report', { schedule: '@every 1000h', ...change });

interface Running {
  /** Puts the next snapshot in force, in which the job runs now. */
  readonly run: (change?: Partial<JobEntry>, parts?: Partial<TableParts>) => Promise<void>;
  readonly replica: Replica;
}

async function start(entry: JobEntry, options: Partial<ReplicaOptions & TableParts> = {}): Promise<Running> {
  let sequence = 1;
  const table = await tableOf({ sequence, jobs: [entry], ...options });
  const replica = startReplica({ url: state.url, name: 'a', table, runTurn: answerTurns('the report'), ...options });
  replicas.push(replica);
  await waitFor('the job to be seen', async () => {
    const rows = await state.rows('select from cron_jobs');
    return rows.length > 0;
  });
  const run: Running['run'] = async (change = {}, parts = {}) => {
    sequence += 1;
    const jobs = [{ ...entry, runAt: `run ${sequence}`, ...change }];
    replica.swap(await tableOf({ credentials: options.credentials ?? {}, ...parts, sequence, jobs }));
  };
  return { run, replica };
}

async function deliveriesWith(...statuses: string[]) {
  return await waitFor(`deliveries to be ${statuses.join(' or ')}`, async () => {
    const rows = await state.rows<{
      status: string;
      target: string;
      attempts: number;
      last_error: string;
      agent: string;
    }>('select status, target, attempts, last_error, agent from deliveries order by seq');
    return rows.length > 0 && rows.every((row) => statuses.includes(row.status)) ? rows : undefined;
  });
}

/** Makes every pending delivery due at once, instead of after its backoff. */
async function skipBackoff(): Promise<void> {
  await state.rows(`update deliveries set next_attempt_at = talaria_now() where status = 'pending'`);
}

describe('a webhook', () => {
  it('carries the result, and a receiver verifies it by the specification', async () => {
    const { run } = await start(job({ deliver: [webhook(receiver.url, ['job.hook.v1'])] }), {
      credentials: { 'job.hook.v1': secret },
    });
    await run();
    const [received] = await waitFor('the webhook', () =>
      receiver.received.length > 0 ? receiver.received : undefined,
    );
    expect(received?.headers['content-type']).toBe('application/json');
    expect(received?.data).toMatchObject({
      type: 'talaria.run.completed',
      data: { agent: 'clerk', cronJob: 'report', outcome: 'completed', text: 'the report', part: 1, parts: 1 },
    });
    expect(received && verifies(received, secret)).toBe(true);
    expect(received && verifies(received, nextSecret)).toBe(false);
    const [run1] = await state.rows<{ id: string; slot: Date }>('select id, slot from runs');
    expect(received?.data.data).toMatchObject({
      runId: `run_${run1?.id.replaceAll('-', '')}`,
      scheduledTime: run1?.slot.toISOString(),
    });
    expect(await deliveriesWith('sent')).toMatchObject([{ target: 'deliver/hook', attempts: 1, agent: 'clerk' }]);
    // A replica with an older snapshot would not have taken it.
    expect(await state.rows('select sequence::integer from deliveries')).toEqual([{ sequence: 2 }]);
  });

  it('is verified by the old and the new secret during a rotation, also when it was rotated after the run', async () => {
    receiver.answer(later);
    const deliver = [webhook(receiver.url, ['job.hook.v1'])];
    const { run } = await start(job({ deliver }), { credentials: { 'job.hook.v1': secret } });
    await run();
    await deliveriesWith('pending');
    await waitFor('the first attempt', () => receiver.received.length === 1);
    receiver.answer(status(204));
    await run(
      { runAt: 'run 2', deliver: [webhook(receiver.url, ['job.hook.v2', 'job.hook.v1b'])] },
      { credentials: { 'job.hook.v2': nextSecret, 'job.hook.v1b': secret } },
    );
    await waitFor('the rotation to be in force', async () => {
      const rows = await state.rows('select from cron_jobs where sequence = 3');
      return rows.length > 0;
    });
    await skipBackoff();
    const second = await waitFor('the second attempt', () => receiver.received[1]);
    expect([verifies(second, secret), verifies(second, nextSecret)]).toEqual([true, true]);
  });

  it.each([
    ['an hour behind', -3_600_000],
    ['an hour ahead', 3_600_000],
  ])('of a gateway whose clock is %s is signed for the right time', async (_, wrongMs) => {
    const clock: Clock = { ...systemClock, now: () => Date.now() + wrongMs };
    const { run } = await start(job({ deliver: [webhook(receiver.url, ['job.hook.v1'])] }), {
      credentials: { 'job.hook.v1': secret },
      clock,
    });
    await run();
    const received = await waitFor('the webhook', () => receiver.received[0]);
    expect(verifies(received, secret)).toBe(true);
  });

  it('of a gateway whose clock is wrong waits until the date that the receiver names', async () => {
    const date = new Date(Date.now() + 1_800_000).toUTCString();
    receiver.answer(status(503, { 'retry-after': date }));
    const clock: Clock = { ...systemClock, now: () => Date.now() - 86_400_000 };
    const { run } = await start(job({ deliver: [{ ...webhook(receiver.url), expireAfterSeconds: 7_200 }] }), { clock });
    await run();
    await waitFor('the attempt', () => receiver.received.length === 1);
    await deliveriesWith('pending');
    const [row] = await state.rows<{ minutes: number }>(
      'select round(extract(epoch from next_attempt_at - talaria_now()) / 60)::int as minutes from deliveries',
    );
    expect(row).toEqual({ minutes: 30 });
  });

  it('that fails is sent again with the same id and body until it is taken', async () => {
    receiver.answer((response, _, count) => response.writeHead(count < 4 ? 500 : 200).end());
    const { run } = await start(job({ deliver: [webhook(receiver.url)] }));
    await run();
    await waitFor('four attempts', async () => {
      await skipBackoff();
      return receiver.received.length === 4;
    });
    expect(await deliveriesWith('sent')).toMatchObject([{ attempts: 4 }]);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(receiver.received[0]?.id).toMatch(/^dlv_[0-9a-f]{32}$/);
  });

  it('that was received by one that dies before it answers is sent again with the same id', async () => {
    receiver.answer((response, _, count) => (count === 1 ? response.destroy() : response.end()));
    const { run } = await start(job({ deliver: [webhook(receiver.url)] }));
    await run();
    await waitFor('the first attempt', () => receiver.received.length === 1);
    await deliveriesWith('pending');
    await skipBackoff();
    await deliveriesWith('sent');
    expect(receiver.received.map(({ id }) => id)).toEqual([receiver.received[0]?.id, receiver.received[0]?.id]);
  });

  it('waits as long as a receiver with 429 asks', async () => {
    receiver.answer(status(429, { 'retry-after': '3600' }));
    const { run } = await start(job({ deliver: [webhook(receiver.url)] }));
    await run();
    await waitFor('the attempt', () => receiver.received.length === 1);
    await deliveriesWith('pending');
    const [row] = await state.rows<{ minutes: number }>(
      'select round(extract(epoch from next_attempt_at - talaria_now()) / 60)::int as minutes from deliveries',
    );
    expect(row).toEqual({ minutes: 60 });
  });

  it('whose receiver asks for millions of years waits an hour, and what it answered is recorded', async () => {
    receiver.answer(status(503, { 'retry-after': '99999999999999' }));
    const { run } = await start(job({ deliver: [{ ...webhook(receiver.url), expireAfterSeconds: 7_200 }] }));
    await run();
    await waitFor('the attempt', () => receiver.received.length === 1);
    expect(await deliveriesWith('pending')).toMatchObject([{ attempts: 1, last_error: 'the receiver answered 503' }]);
    const [row] = await state.rows<{ minutes: number }>(
      'select round(extract(epoch from next_attempt_at - talaria_now()) / 60)::int as minutes from deliveries',
    );
    expect(row).toEqual({ minutes: 60 });
  });

  it('that a receiver will never take is a dead letter, and the status says so', async () => {
    receiver.answer(status(410));
    const { run, replica } = await start(job({ deliver: [webhook(receiver.url)] }));
    await run();
    expect(await deliveriesWith('dead')).toMatchObject([{ attempts: 1, last_error: 'the receiver answered 410' }]);
    await waitFor(
      'the status to tell',
      () => replica.statuses.get('report')?.recentRuns[0]?.deliveryOutcome === 'Dead',
      {
        timeoutMs: 60_000,
      },
    );
    expect(replica.statuses.get('report')?.recentRuns[0]?.outcome).toBe('Succeeded');
  });

  it('to a forbidden address is a dead letter that names the cure', async () => {
    const { run } = await start(job({ deliver: [webhook(receiver.url)] }), { allow: [] });
    await run();
    const [dead] = await deliveriesWith('dead');
    expect(dead?.last_error).toContain('egress.delivery.allow');
    expect(receiver.received).toEqual([]);
  });

  it('that could not be sent in time expires', async () => {
    receiver.answer(later);
    const { run } = await start(job({ deliver: [{ ...webhook(receiver.url), expireAfterSeconds: 60 }] }));
    await run();
    await waitFor('the attempt', () => receiver.received.length === 1);
    await deliveriesWith('pending');
    await state.moveClock(61);
    expect(await deliveriesWith('expired')).toMatchObject([{ last_error: 'the receiver answered 503' }]);
  });
});

describe('deliveries to one target', () => {
  it('arrive in order: the first holds up the next while it is tried again', async () => {
    receiver.answer(later);
    let turn = 0;
    const counting: RunTurn = async (input) => {
      turn += 1;
      return await answerTurns(`report ${turn}`)(input);
    };
    const { run } = await start(job({ deliver: [webhook(receiver.url)] }), { runTurn: counting });
    for (let count = 1; count <= 3; count += 1) {
      await run();
      await waitFor(`${count} outbox rows`, async () => {
        const rows = await state.rows('select from deliveries');
        return rows.length === count;
      });
      // Until the first attempt is recorded, `skipBackoff` would not make the next one due.
      await waitFor('the first to wait for its next attempt', async () => {
        const rows = await state.rows(`select from deliveries where status = 'pending' and attempts = 1`);
        return rows.length === 1;
      });
    }
    expect(receiver.received).toHaveLength(1);
    receiver.answer(status(200));
    await skipBackoff();
    await deliveriesWith('sent');
    const texts = receiver.received.map(({ data }) => data.data.text);
    expect(texts).toEqual(['report 1', 'report 1', 'report 2', 'report 3']);
  });

  it('do not wait for another target that hangs', async () => {
    const hanging = await startReceiver(() => undefined);
    const deliver = [webhook(hanging.url, [], 'hangs'), webhook(receiver.url, [], 'works')];
    const { run } = await start(job({ deliver }));
    await run();
    await waitFor('the one that works', () => receiver.received.length === 1);
    await waitFor('the one that hangs', () => hanging.received.length === 1);
    const rows = await state.rows('select target, status from deliveries order by target');
    expect(rows).toContainEqual({ target: 'deliver/hangs', status: 'sending' });
    await hanging.stop();
  });
});

it('400 webhooks to a receiver that hangs delay neither those to another nor the log', async () => {
  const hanging = await startReceiver(() => undefined);
  const table = await tableOf({ sequence: 1, jobs: [] });
  replicas.push(startReplica({ url: state.url, name: 'a', table }));
  const to = (url: string) => ({ kind: 'webhook', destination: { url, secrets: [] } }) as const;
  await Promise.all(Array.from({ length: 400 }, () => storeDelivery(state, to(hanging.url))));
  await waitFor('those that hang to be under way', () => hanging.received.length >= 16);
  const ids = [await storeDelivery(state, to(receiver.url)), await storeDelivery(state)];
  // Long before one of those that hang is given up.
  await waitFor(
    'the others',
    async () => {
      const sent = await state.rows(`select from deliveries where id = any($1) and status = 'sent'`, [ids]);
      return sent.length === 2;
    },
    { timeoutMs: 5_000 },
  );
  expect(hanging.received).toHaveLength(16);
  expect(receiver.received).toHaveLength(1);
  await hanging.stop();
});

describe('a gateway that dies', () => {
  it('while it sends: another sends again, with the same id', async () => {
    const { run } = await start(job({ deliver: [webhook(receiver.url)] }));
    await run();
    await deliveriesWith('sent');
    await state.rows(`update deliveries set status = 'sending', worker = gen_random_uuid(), sent_at = null`);
    expect(await deliveriesWith('sent')).toMatchObject([{ attempts: 2 }]);
    expect(receiver.received.map(({ id }) => id)).toEqual([receiver.received[0]?.id, receiver.received[0]?.id]);
  });

  it('after it finished a run: another sends what it left', async () => {
    receiver.answer(later);
    const first = await start(job({ deliver: [webhook(receiver.url)] }));
    await first.run();
    await waitFor('the attempt', () => receiver.received.length === 1);
    await deliveriesWith('pending');
    await first.replica.stop();
    replicas.splice(0);
    receiver.answer(status(200));
    await skipBackoff();
    const table = await tableOf({ sequence: 9, jobs: [job({ deliver: [webhook(receiver.url)] })] });
    replicas.push(startReplica({ url: state.url, name: 'b', table }));
    await deliveriesWith('sent');
    expect(receiver.received).toHaveLength(2);
  });
});

describe('what a run delivers', () => {
  it('is nothing when its result is only the silence marker, which is kept', async () => {
    const { run } = await start(job({ deliver: [webhook(receiver.url)] }), { runTurn: answerTurns(' [SILENT]\n') });
    await run();
    expect(await deliveriesWith('suppressed')).toHaveLength(1);
    expect(await state.rows('select status, output_text from runs')).toEqual([
      { status: 'completed', output_text: ' [SILENT]\n' },
    ]);
    expect(receiver.received).toEqual([]);
  });

  it('goes to every target, each with its own outcome', async () => {
    const broken = await startReceiver(status(400));
    const log: DeliverTarget = { name: 'log', log: true, expireAfterSeconds: 60 };
    const deliver = [webhook(receiver.url, [], 'works'), webhook(broken.url, [], 'broken'), log];
    const { run } = await start(job({ deliver }));
    await run();
    const rows = await deliveriesWith('sent', 'dead');
    expect(rows.map(({ target, status: outcome }) => [target, outcome]).toSorted()).toEqual([
      ['deliver/broken', 'dead'],
      ['deliver/log', 'sent'],
      ['deliver/works', 'sent'],
    ]);
    await broken.stop();
  });

  it('is its failure, to the targets for failures, from afterConsecutive failures in a row on', async () => {
    const onFailure = { deliver: [webhook(receiver.url, [], 'alarm')], afterConsecutive: 2 };
    const { run } = await start(job({ onFailure }), { runTurn: failTurns });
    for (let failures = 1; failures <= 2; failures += 1) {
      await run();
      await waitFor(`${failures} failures`, async () => {
        const rows = await state.rows('select from cron_jobs where consecutive_failures = $1', [failures]);
        return rows.length > 0;
      });
      expect(await state.rows('select target from deliveries')).toHaveLength(failures - 1);
    }
    const [received] = await waitFor('the alarm', () => (receiver.received.length > 0 ? receiver.received : undefined));
    expect(received?.data.data).toMatchObject({
      outcome: 'failed',
      text: 'CronJob report failed: model_failed: the model server answered 500',
    });
  });

  it('never leaves for an Agent that was deleted and made again', async () => {
    receiver.answer(later);
    const { run } = await start(job({ deliver: [webhook(receiver.url)] }));
    await run();
    await waitFor('the attempt', () => receiver.received.length === 1);
    await deliveriesWith('pending');
    await run({ runAt: 'run 2' }, { agents: [agentEntry('clerk', { uid: 'another' })] });
    await skipBackoff();
    const [dead] = await deliveriesWith('dead');
    expect(dead?.last_error).toContain('agent_replaced');
    expect(receiver.received).toHaveLength(1);
  });

  it('is not even begun when an account of a target is missing', async () => {
    const chat: DeliverTarget = { name: 'chat', account: 'clerk/bot', chatId: 'C1', expireAfterSeconds: 60 };
    const { run } = await start(job({ deliver: [chat], retry: { maxAttempts: 1, backoffSeconds: 1 } }));
    await run();
    const failed = await waitFor('the run to fail', async () => {
      const rows = await state.rows<{ error_code: string; error_message: string; effects_started: boolean }>(
        `select error_code, error_message, effects_started from runs where status = 'failed'`,
      );
      return rows[0];
    });
    expect(failed).toMatchObject({ error_code: 'refs_not_resolved', effects_started: false });
    expect(failed.error_message).toMatch(/deliver\/chat: AccountNotFound: .*"bot"/);
  });

  it('is not even begun when its signing secret is missing', async () => {
    const { run } = await start(job({ deliver: [webhook(receiver.url, ['job.hook.v1'])] }));
    await run();
    const [failed] = await waitFor('the run to fail', async () => {
      const rows = await state.rows<{ status: string; error_code: string }>(
        'select status, error_code, effects_started from runs',
      );
      return rows[0]?.status === 'failed' ? rows : undefined;
    });
    expect(failed).toEqual({ status: 'failed', error_code: 'refs_not_resolved', effects_started: false });
  });
});
