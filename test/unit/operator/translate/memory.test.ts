import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { SnapshotContent } from '../../../../core/snapshot/schema.ts';
import type { Compilation } from '../../../../operator/translate/compilation.ts';
import { compile } from '../../../../operator/translate/compile.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { report } from '../../../../operator/translate/report.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';

const manifests: readonly Manifest[] = [
  { kind: 'Agent', metadata: { name: 'coder' }, spec: {} },
  {
    kind: 'Route',
    metadata: { name: 'chats' },
    spec: { rules: [{ name: 'one', matches: [{ chatId: 'C1' }], agentRefs: [{ name: 'coder' }] }] },
  },
  {
    kind: 'CronJob',
    metadata: { name: 'daily' },
    spec: { schedule: '@daily', agentRef: { name: 'coder' }, prompt: { inline: 'Report.' } },
  },
];

it('what was found published is not kept once the same is compiled from the objects', async () => {
  const { found, compilation } = await compiledFromCopy();
  const collect = collector();
  const isGone = async () => {
    collect();
    return found.deref() === undefined;
  };
  await waitFor('the copy to be collected', isGone, { timeoutMs: 10_000 });
  expect(compilation.content.routes).toHaveLength(1);
});

/** A function of its own, so that nothing here holds the copy. */
async function compiledFromCopy(): Promise<{ found: WeakRef<SnapshotContent>; compilation: Compilation }> {
  const resources = await resourcesOf(manifests);
  const before = compile(resources, { content: emptyContent, versionKey: 'key' });
  const content = structuredClone(before.content);
  const compilation = compile(await resourcesOf(manifests), { content, versionKey: 'key', isCopy: true });
  report(compilation);
  return { found: new WeakRef(content), compilation };
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
