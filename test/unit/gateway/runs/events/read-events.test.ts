import { expect, it } from 'vitest';
import type { Database } from '../../../../../gateway/db/pool.ts';
import { createEventReader } from '../../../../../gateway/runs/events/read-events.ts';

const run = { id: 'run', agent: 'main' };
const last = { seq: '1', type: 'output_text.delta', data: {}, at: new Date(0) };

/** Events as statements see them that begin now, each answered when `answer` is called. */
function createEvents() {
  const stored: unknown[] = [];
  const answers: (() => void)[] = [];
  const database = {
    prepared: () => {
      const rows = [...stored];
      const { promise, resolve } = Promise.withResolvers<unknown>();
      answers.push(() => resolve({ rows }));
      return promise;
    },
  };
  return { reader: createEventReader(database as unknown as Database), stored, answers };
}

it('a follower that saw the run end gets its last events, although another’s read began before they were stored', async () => {
  const { reader, stored, answers } = createEvents();
  const early = reader.after(run, 0, false);
  stored.push(last);
  const late = reader.after(run, 0, true);
  for (const answer of answers) answer();
  expect(await early).toEqual([]);
  expect(await late).toMatchObject([{ seq: 1 }]);
});

it('followers at one place of a run share one read', async () => {
  const { reader, answers } = createEvents();
  const reads = [reader.after(run, 0, true), reader.after(run, 0, true), reader.after(run, 0, true)];
  expect(answers).toHaveLength(1);
  answers[0]?.();
  expect(await Promise.all(reads)).toEqual([[], [], []]);
});
