import { expect, it } from 'vitest';
import { systemClock } from '../../../../core/lib/clock.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import type { RunTurn } from '../../../../gateway/agent/turn.ts';
import { type ExecuteApiRunOptions, executeApiRun } from '../../../../gateway/api-runs/execute.ts';
import { buildTable } from '../../../../gateway/config/table.ts';
import type { Database } from '../../../../gateway/db/pool.ts';
import { freePermit, type Permit } from '../../../../gateway/limits/permit.ts';
import { configuration } from '../../../harness/entries.ts';

it('the tokens of a run that fails count', async () => {
  const counted: number[] = [];
  const runTurn: RunTurn = async ({ onUsage }) => {
    onUsage?.({ inputTokens: 30, outputTokens: 12 });
    throw new Error('the second call failed');
  };
  const permit = { ...freePermit, used: (tokens: number) => void counted.push(tokens) };
  await executeOne(runTurn, { permit });
  expect(counted).toEqual([42]);
});

it('a run that is asked to stop before its model is called is cancelled, and the model is not called', async () => {
  let called = false;
  const runTurn: RunTurn = async ({ onEffect }) => {
    await onEffect?.();
    called = true;
    throw new Error('the model was called');
  };
  const endings = await executeOne(runTurn, { recorded: false });
  expect(endings).toMatchObject([{ run: 'run', status: 'cancelled', errorCode: 'run_interrupted' }]);
  expect(called).toBe(false);
});

/** Executes one run and gives how it ended. `recorded` false: it was asked to stop. */
async function executeOne(
  runTurn: RunTurn,
  { permit = freePermit, recorded = true }: { permit?: Permit; recorded?: boolean },
): Promise<readonly unknown[]> {
  const endings: unknown[] = [];
  const signal = new AbortController().signal;
  const options: ExecuteApiRunOptions = {
    database: {} as Database,
    hints: { tell: () => undefined, follow: () => expect.fail('nothing is waited for') },
    runTurn,
    limits: { acquire: () => freePermit, tryAcquire: async () => permit, stop: async () => undefined },
    finisher: {
      finish: async (ending) => endings.push(ending) > 0,
      abandon: () => undefined,
      stop: async () => undefined,
    },
    recordEffects: async () => recorded,
    clock: systemClock,
    log: createLogger('test', 'silent'),
  };
  const run = {
    ...{ id: 'run', agent: 'main', agentUid: 'uid-main', principal: 'p', session: undefined, worker: 'w', attempt: 1 },
    content: { input: [], tools: [], parameters: {} },
    limits: undefined,
  };
  const table = await buildTable(configuration({ agents: [{ name: 'main' }] }));
  await executeApiRun(options, run, { table, signal, gaveUp: signal, onBegun: () => undefined });
  return endings;
}
