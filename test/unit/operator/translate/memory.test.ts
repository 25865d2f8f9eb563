import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { encodeSnapshot } from '../../../../core/snapshot/encode.ts';
import type { SnapshotContent } from '../../../../core/snapshot/schema.ts';
import type { Resources } from '../../../../operator/resources.ts';
import type { Compilation } from '../../../../operator/translate/compilation.ts';
import { compile } from '../../../../operator/translate/compile.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { report } from '../../../../operator/translate/report.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';

const versionKey = 'key';

it('what was found published is not kept once the same is compiled from the objects', async () => {
  const { found, compilation } = await compiledFromCopy();
  await untilGone('the copy', [found]);
  expect(compilation.content.routes).toHaveLength(1);
});

it.each(['all of them', 'the Route alone'] as const)(
  'of objects that change again and again nothing is kept but the newest: %s',
  async (changing) => {
    const { past, compilation } = await compiledAgainAndAgain(changing);
    await untilGone('every entry before the last change', past);
    expect(compilation.content.routes[0]?.rules[0]?.name).toBe('turn-4');
  },
);

/** Each a function of its own, so that nothing in the test holds what it waits for. */
async function compiledFromCopy(): Promise<{ found: WeakRef<SnapshotContent>; compilation: Compilation }> {
  const before = compile(await objects(0), { content: emptyContent, versionKey });
  const content = structuredClone(before.content);
  const compilation = compile(await objects(0), { content, versionKey, isCopy: true });
  report(compilation);
  return { found: new WeakRef(content), compilation };
}

async function compiledAgainAndAgain(
  changing: 'all of them' | 'the Route alone',
): Promise<{ past: readonly WeakRef<object>[]; compilation: Compilation }> {
  const past: WeakRef<object>[] = [];
  let resources = await objects(0);
  let compilation = compile(resources, { content: emptyContent, versionKey });
  let encoded = encodeSnapshot(compilation.content);
  for (let turn = 1; turn < 5; turn += 1) {
    const { agents, routes, jobs } = compilation.content;
    const leaving = changing === 'all of them' ? [...agents, ...routes, ...jobs] : routes;
    past.push(...leaving.map((entry) => new WeakRef(entry)));
    const changed = await objects(turn);
    resources = changing === 'all of them' ? changed : { ...resources, routes: changed.routes };
    compilation = compile(resources, { content: compilation.content, versionKey }, compilation);
    encoded = encodeSnapshot(compilation.content, encoded);
    report(compilation);
  }
  return { past, compilation };
}

function objects(turn: number): Promise<Resources> {
  const manifests: readonly Manifest[] = [
    { kind: 'Agent', metadata: { name: 'coder' }, spec: { displayName: `turn ${turn}` } },
    {
      kind: 'Route',
      metadata: { name: 'chats' },
      spec: { rules: [{ name: `turn-${turn}`, matches: [{ chatId: 'C1' }], agentRefs: [{ name: 'coder' }] }] },
    },
    {
      kind: 'CronJob',
      metadata: { name: 'daily' },
      spec: { schedule: '@daily', agentRef: { name: 'coder' }, prompt: { inline: `Report ${turn}.` } },
    },
  ];
  return resourcesOf(manifests);
}

async function untilGone(what: string, held: readonly WeakRef<object>[]): Promise<void> {
  const collect = collector();
  const areGone = async () => {
    collect();
    return held.every((one) => one.deref() === undefined);
  };
  await waitFor(`${what} to be collected`, areGone, { timeoutMs: 10_000 });
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
