import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { resolveRun } from '../../../../core/route/resolve.ts';
import { createModels, type Models } from '../../../../gateway/agent/models/models.ts';
import type { Usage } from '../../../../gateway/agent/models/port.ts';
import { createTurnRunner } from '../../../../gateway/agent/turn.ts';
import { buildTable } from '../../../../gateway/config/table.ts';
import { createEgressPolicy } from '../../../../gateway/egress.ts';
import { createMetrics } from '../../../../gateway/metrics.ts';
import { configuration } from '../../../harness/entries.ts';
import { type MockModel, startMockModel } from '../../../harness/mock-model.ts';

let mock: MockModel;
let models: Models;
beforeAll(() => {
  const egress = createEgressPolicy({ kind: 'models', allow: ['127.0.0.1'], privateNetworks: true });
  models = createModels({ egress });
});
afterAll(() => models.stop());
beforeEach(async () => {
  mock = await startMockModel();
});
afterEach(() => mock.stop());

/** Takes a turn with a prompt of 400 bytes and a tool `look`, and gives what it told that it used. */
async function use({ leaveAt }: { leaveAt?: string } = {}): Promise<{ told: readonly Usage[]; outcome: string }> {
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL, maxRetries: 0 } as const;
  const table = await buildTable(configuration({ agents: [{ name: 'main', model }] }));
  const resolution = resolveRun(table.routes, 'main');
  if (resolution.kind === 'refused') throw new Error(resolution.message);
  const look = { name: 'look', run: async () => 'nothing' };
  const runTurn = createTurnRunner({ models, metrics: createMetrics(), tools: [look] });
  const leaving = new AbortController();
  const told: Usage[] = [];
  const turn = runTurn({
    resolution,
    table,
    messages: [{ role: 'user', content: 'x'.repeat(400) }],
    signal: leaving.signal,
    onEvent: (event) => {
      if (event.type === 'text' && event.text === leaveAt) leaving.abort(new Error('gone'));
    },
    onUsage: (usage) => told.push(usage),
  });
  const outcome = await turn.then(
    () => 'completed',
    () => 'failed',
  );
  return { told, outcome };
}

const tools = { kind: 'tools', text: 'one moment', calls: [{ id: 'a', name: 'look', arguments: '{}' }] } as const;

it('each call of a turn counts as what its model says', async () => {
  mock.next(tools, { kind: 'answer', text: 'there is nothing' });
  const { told, outcome } = await use();
  expect(outcome).toBe('completed');
  expect(told.map(({ outputTokens }) => outputTokens)).toEqual([2, 3]);
});

it('the calls before one that fails count, and the one that never answered does not', async () => {
  mock.next(tools, { kind: 'fail', status: 400 });
  const { told, outcome } = await use();
  expect(outcome).toBe('failed');
  expect(told).toMatchObject([{ outputTokens: 2 }]);
});

it('a call that is left in the middle of its answer counts as its prompt and what had come', async () => {
  const half = 'half of what it would have said, ';
  mock.next({ kind: 'stall', text: half });
  const { told, outcome } = await use({ leaveAt: half });
  expect(outcome).toBe('failed');
  expect(told).toHaveLength(1);
  expect(told[0]?.inputTokens).toBeGreaterThanOrEqual(100);
  expect(told[0]?.inputTokens).toBeLessThan(150);
  expect(told[0]?.outputTokens).toBe(Math.ceil(half.length / 4));
});

it('a call whose connection breaks in the middle of its answer counts likewise', async () => {
  mock.next({ kind: 'reset', text: 'half an answer' });
  const { told, outcome } = await use();
  expect(outcome).toBe('failed');
  expect(told).toHaveLength(1);
  expect(told[0]?.outputTokens).toBeGreaterThan(0);
});
