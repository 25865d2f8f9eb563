import { execFile } from 'node:child_process';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createBatcher } from '../../../../core/lib/batcher.ts';
import { resolve } from '../../../../core/route/resolve.ts';
import { boundProfile, profileFields, withProfile } from '../../../../gateway/agent/bound-profile.ts';
import type { Models } from '../../../../gateway/agent/models/models.ts';
import type { ModelCall } from '../../../../gateway/agent/models/port.ts';
import { createTurnRunner, type Turn } from '../../../../gateway/agent/turn.ts';
import { buildTable, type Table } from '../../../../gateway/config/table.ts';
import { createMetrics } from '../../../../gateway/metrics.ts';
import { configuration } from '../../../harness/entries.ts';
import { query } from '../../core/route/fixtures.ts';

it('every turn sees its own agent and run, however many run at once, and none is seen outside', async () => {
  const table = await buildTable(configuration({ agents: ['a', 'b', 'c'].map((name) => ({ name })) }));
  const runTurn = createTurnRunner({ models: models(whoIsBound), metrics: createMetrics() });
  const asked = Array.from({ length: 60 }, (_, at) => ({ agent: ['a', 'b', 'c'][at % 3] ?? '', run: `run-${at}` }));
  const results = await Promise.all(
    asked.map(async ({ agent, run }) => {
      const { output } = await runTurn(turn(table, agent, run));
      expect(boundProfile()).toBeUndefined();
      return output;
    }),
  );
  const said = results.map((output) => JSON.stringify(output));
  for (const [at, { agent, run }] of asked.entries()) expect(said[at]).toContain(`${agent} uid-${agent} ${run}`);
});

it('a turn that fails leaves nothing bound', async () => {
  const table = await buildTable(configuration({ agents: [{ name: 'a' }] }));
  const broken = models(() => Promise.reject(new Error('no answer')));
  const runTurn = createTurnRunner({ models: broken, metrics: createMetrics() });
  await expect(runTurn(turn(table, 'a', undefined))).rejects.toThrow('no answer');
  expect(boundProfile()).toBeUndefined();
});

it('work that is batched for many turns is bound to none of them', async () => {
  const seen: unknown[] = [];
  const store = createBatcher({
    work: async (items: readonly string[]) => {
      seen.push(boundProfile());
      return items;
    },
    maxItems: 10,
    concurrency: 1,
  });
  const inTurn = (agent: string) =>
    withProfile({ agent, agentUid: `uid-${agent}` }, async () => {
      await store(agent);
      return boundProfile()?.agent;
    });
  expect(await Promise.all([inTurn('a'), inTurn('b')])).toEqual(['a', 'b']);
  expect(seen).toEqual([undefined]);
});

it('a log line tells the agent, run and session of the turn that it is written in, after its own fields', async () => {
  const root = path.join(import.meta.dirname, '../../../..');
  const script = `
    import { createLogger } from ${JSON.stringify(path.join(root, 'core/lib/log.ts'))};
    import { profileFields, withProfile } from ${JSON.stringify(path.join(root, 'gateway/agent/bound-profile.ts'))};
    const log = createLogger('talaria-test', 'info', profileFields);
    log.info('before');
    await withProfile({ agent: 'a', agentUid: 'u', run: 'r', session: 's' }, async () => {
      await null;
      log.info('inside');
      log.info({ agent: 'said by the line' }, 'own');
    });
    withProfile({ agent: 'b', agentUid: 'u' }, () => log.info('stateless'));
    log.info('after');`;
  const told = (await run(script)).map(({ agent, runId, sessionId, msg }) => [msg, agent, runId, sessionId]);
  expect(told).toEqual([
    ['before', undefined, undefined, undefined],
    ['inside', 'a', 'run_r', 'ses_s'],
    ['own', 'said by the line', 'run_r', 'ses_s'],
    ['stateless', 'b', undefined, undefined],
    ['after', undefined, undefined, undefined],
  ]);
  expect(profileFields()).toEqual({});
});

/** Answers, after a while, with what is bound where a model is called. */
async function whoIsBound(): Promise<string> {
  await delay(Math.random() * 10);
  const bound = boundProfile();
  return `${bound?.agent} ${bound?.agentUid} ${bound?.run}`;
}

function models(say: (call: ModelCall) => Promise<string>): Models {
  const usage = { inputTokens: 1, outputTokens: 1 };
  return {
    forAgent: () => async (call) => {
      const text = await say(call);
      return { text, toolCalls: [], finishReason: 'stop', usage, model: 'm' };
    },
    stop: async () => undefined,
  };
}

function turn(table: Table, agent: string, run: string | undefined): Turn {
  const resolution = resolve(table.routes, query({ model: `talaria/${agent}` }));
  if (resolution.kind === 'refused') throw new Error(resolution.message);
  const messages = [{ role: 'user', content: 'who am I?' }] as const;
  return { resolution, table, run, messages, signal: new AbortController().signal };
}

function run(script: string): Promise<readonly Record<string, unknown>[]> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--input-type=module', '--eval', script],
      { timeout: 15_000 },
      (_error, _stdout, stderr) => {
        resolve(
          stderr
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as Record<string, unknown>),
        );
      },
    );
  });
}
