import { expect, it } from 'vitest';
import { TalariaError } from '../../../../core/lib/errors.ts';
import { envelope } from '../../../../core/route/envelope.ts';
import { localPrincipal } from '../../../../gateway/admit/auth.ts';
import { buildTable } from '../../../../gateway/config/table.ts';
import type { Database } from '../../../../gateway/db/pool.ts';
import { createStatelessTurns } from '../../../../gateway/turns/stateless-turn.ts';
import { configuration } from '../../../harness/entries.ts';

it('a rule that splits goes by the newest session of the conversation', async () => {
  for (const agent of ['a', 'b']) expect(await agentOf(() => Promise.resolve({ rows: [{ agent }] }), true)).toBe(agent);
});

it('and by the hash of the conversation while the database is away, or goes away during the look', async () => {
  const byHash = await agentOf(() => Promise.resolve({ rows: [] }), true);
  const away = () => Promise.reject(new TalariaError('state_unavailable', 'The database is away.'));
  expect(await agentOf(away, false)).toBe(byHash);
  expect(await agentOf(away, true)).toBe(byHash);
  const other = byHash === 'a' ? 'b' : 'a';
  expect(await agentOf(() => Promise.resolve({ rows: [{ agent: other }] }), false)).toBe(byHash);
});

it('and fails when the look fails in any other way', async () => {
  await expect(agentOf(() => Promise.reject(new Error('a fault')), true)).rejects.toThrow('a fault');
});

/** Who answers chat `c` under a rule that sends half to `a` and half to `b`. */
async function agentOf(query: () => Promise<unknown>, isStateAvailable: boolean): Promise<string> {
  const turns = createStatelessTurns({
    database: { query } as unknown as Database,
    isStateAvailable: () => isStateAvailable,
    runTurn: () => Promise.reject(new Error('no turn is run here')),
  });
  const { resolution } = await turns.begin({
    table: await buildTable(configuration({ agents: [{ name: 'a' }, { name: 'b' }], routes: { split: [rule] } })),
    query: { envelope: envelope({ chatId: 'c' }), principal: localPrincipal, isRetired: () => false },
    messages: [],
    tools: [],
    parameters: {},
    clientSignal: new AbortController().signal,
    acquire: () => undefined,
  });
  return resolution.agentName;
}

const rule = { match: { chatId: 'c' }, to: { a: 1, b: 1 } };
