import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeliverTarget } from '../../../core/snapshot/schema.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry, tableOf } from '../schedule/entries.ts';
import { type Replica, startReplica } from '../schedule/replica.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { answerTurns } from '../schedule/turns.ts';
import { type Receiver, startReceiver } from './receiver.ts';

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

/** Text that PostgreSQL cannot make smaller. */
const randomText = (megabytes: number) => randomBytes((megabytes * 1024 * 1024 * 3) / 4).toString('base64');

async function start(text: string): Promise<void> {
  const deliver = Array.from(
    { length: 16 },
    (_, index): DeliverTarget => ({
      name: `hook-${index}`,
      webhook: { url: receiver.url, secrets: [] },
      expireAfterSeconds: 3_600,
    }),
  );
  const jobs = [jobEntry('report', { schedule: '@every 2s', deliver })];
  const table = await tableOf({ sequence: 1, jobs });
  replicas.push(startReplica({ url: state.url, name: 'a', table, runTurn: answerTurns(text) }));
}

const ended = (count: number) =>
  waitFor(`${count} runs to end`, async () => {
    const rows = await state.rows<{ status: string; kept: number; usage: object; stored: string; targets: number }>(
      `select r.status, length(r.output_text) as kept, r.usage,
         (select sum(length(d.data #>> '{data,text}')) from deliveries d where d.run_id = r.id) as stored,
         (select count(distinct d.target)::int from deliveries d where d.run_id = r.id) as targets
       from runs r where r.finished_at is not null order by r.slot`,
    );
    return rows.length >= count ? rows : undefined;
  });

describe('a result of many megabytes for sixteen webhooks', () => {
  it.each([5, 20])('of %i MB ends its run, which keeps 4 MiB of it, and the slots go on', async (megabytes) => {
    await start(randomText(megabytes));
    const [first, second] = await ended(2);
    for (const run of [first, second]) {
      expect(run).toMatchObject({ status: 'completed', targets: 16, usage: { inputTokens: 1 } });
      expect(run?.kept).toBeGreaterThanOrEqual(4 * 1024 * 1024);
      expect(run?.kept).toBeLessThan(4 * 1024 * 1024 + 100);
      expect(Number(run?.stored)).toBeLessThan(8.1 * 1024 * 1024);
    }
    const hooks = await waitFor('every webhook to have something', () =>
      new Set(receiver.received.map(({ id }) => id)).size >= 16 ? receiver.received : undefined,
    );
    expect(hooks[0]?.data.data).toMatchObject({ outcome: 'completed', part: 1 });
  });

  it('is cut to little text when the database cannot store it in time, rather than tried for ever', async () => {
    await state.rows(`
      create function time_out() returns trigger language plpgsql as $$
      begin
        raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled';
      end $$`);
    await state.rows(`
      create trigger time_out before update on runs for each row
      when (length(new.output_text) > 1000000) execute function time_out()`);
    await start(randomText(2));
    const [run] = await ended(1);
    expect(run).toMatchObject({ status: 'completed', targets: 16, usage: { inputTokens: 1 } });
    expect(run?.kept).toBeGreaterThanOrEqual(256 * 1024);
    expect(run?.kept).toBeLessThan(257 * 1024);
  });
});
