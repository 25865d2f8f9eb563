import { systemClock } from '../../core/lib/clock.ts';
import { createLogger } from '../../core/lib/log.ts';
import type { RunTurn } from '../../gateway/agent/turn.ts';
import { type ExecuteApiRunOptions, executeApiRun } from '../../gateway/api-runs/execute.ts';
import type { Table } from '../../gateway/config/table.ts';
import type { Database } from '../../gateway/db/pool.ts';
import type { Limits } from '../../gateway/limits/limits.ts';
import { freePermit } from '../../gateway/limits/permit.ts';
import { spokenText, toItems } from '../../gateway/sessions/items.ts';
import type { TurnEnding } from '../../gateway/turns/finish-turn.ts';
import type { Outcome, TaggedAnswer } from './findings.ts';

/** A run that was accepted and waits for a worker. */
export interface Waiting {
  readonly name: string;
  readonly uid: string;
  readonly text: string;
}

/** What a worker does with a run that it has claimed; its writes succeed and are not looked at. */
export async function takeRun(runTurn: RunTurn, table: Table, { name, uid, text }: Waiting): Promise<Outcome> {
  let ending: TurnEnding | undefined;
  const options: ExecuteApiRunOptions = {
    database: { prepared: async () => ({ rows: [], rowCount: 0 }) } as unknown as Database,
    hints: {
      tell: () => undefined,
      follow: () => {
        throw new Error('nothing is waited for');
      },
    },
    limits: { tryAcquire: async () => freePermit } as unknown as Limits,
    finisher: {
      finish: async (end) => {
        ending = end;
        return true;
      },
      abandon: () => undefined,
      stop: async () => undefined,
    },
    recordEffects: async () => true,
    runTurn,
    clock: systemClock,
    log: silent,
  };
  const input = toItems({ role: 'user', content: text });
  const content = { input, tools: [], parameters: {}, deliver: [] };
  const held = { id: 'run', worker: 'worker', attempt: 1, agent: name, agentUid: uid, principal: 'p' };
  const run = { ...held, session: undefined, content, limits: undefined };
  await executeApiRun(options, run, { table, signal: never, gaveUp: never, onBegun: () => undefined });
  if (ending === undefined) throw new Error(`a run of ${name} did not end`);
  if (ending.status !== 'completed') return { kind: 'refused', code: ending.errorCode };
  return { kind: 'answered', agent: name, answer: JSON.parse(spokenText(ending.output)) as TaggedAnswer };
}

const never = new AbortController().signal;
const silent = createLogger('isolation', 'silent');
