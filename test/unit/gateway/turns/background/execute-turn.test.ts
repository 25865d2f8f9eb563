import { expect, it } from 'vitest';
import { systemClock } from '../../../../../core/lib/clock.ts';
import { createLogger } from '../../../../../core/lib/log.ts';
import type { RunTurn } from '../../../../../gateway/agent/turn.ts';
import { buildTable } from '../../../../../gateway/config/table.ts';
import type { Database } from '../../../../../gateway/db/pool.ts';
import { freePermit } from '../../../../../gateway/limits/permit.ts';
import { type ExecuteTurnOptions, executeTurn } from '../../../../../gateway/turns/background/execute-turn.ts';
import { configuration } from '../../../../harness/entries.ts';

it('a run that is asked to stop before its model is called is cancelled, and the model is not called', async () => {
  const endings: unknown[] = [];
  let called = false;
  const runTurn: RunTurn = async ({ onEffect }) => {
    await onEffect?.();
    called = true;
    throw new Error('the model was called');
  };
  const signal = new AbortController().signal;
  const options: ExecuteTurnOptions = {
    database: {} as Database,
    hints: { tell: () => undefined, follow: () => expect.fail('nothing is waited for') },
    runTurn,
    limits: { admit: () => freePermit, tryAdmit: async () => freePermit, stop: async () => undefined },
    finisher: {
      finish: async (ending) => endings.push(ending) > 0,
      abandon: () => undefined,
      stop: async () => undefined,
    },
    recordEffects: async () => false,
    clock: systemClock,
    log: createLogger('test', 'silent'),
  };
  const run = {
    ...{ id: 'run', agent: 'main', agentUid: 'uid-main', principal: 'p', session: undefined, worker: 'w', attempt: 1 },
    content: { input: [], tools: [], parameters: {} },
    limits: undefined,
  };
  const table = await buildTable(configuration({ agents: [{ name: 'main' }] }));
  await executeTurn(options, run, { table, signal, gaveUp: signal, onBegun: () => undefined });
  expect(endings).toMatchObject([{ run: 'run', status: 'cancelled', errorCode: 'run_interrupted' }]);
  expect(called).toBe(false);
});
