import { expect, it } from 'vitest';
import type { ConfigMap } from '../../../core/kube/resources.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { encodeSnapshot } from '../../../core/snapshot/encode.ts';
import { bucketName, indexKey, snapshotIndexName } from '../../../core/snapshot/names.ts';
import { packBucket } from '../../../core/snapshot/pack.ts';
import { snapshotSchemaVersion } from '../../../core/snapshot/schema.ts';
import { lostEntries } from '../../../operator/lost-entries.ts';
import { readPublished } from '../../../operator/read-published.ts';
import { compile } from '../../../operator/translate/compile.ts';
import { emptyContent } from '../../../operator/translate/published.ts';
import { resourcesOf } from './manifests.ts';

const log = createLogger('test', 'silent');
const apiVersion = 'talaria.dev/v1alpha1';
const agent = { apiVersion, kind: 'Agent', metadata: { name: 'coder' }, spec: {} };
const route = (expression: string) => ({
  apiVersion,
  kind: 'Route',
  metadata: { name: 'team' },
  spec: { rules: [{ name: 'rule', matches: [{ expression }], agentRefs: [{ name: 'coder' }] }] },
});

it('a damaged bucket loses the objects that are not accepted, and no others', async () => {
  const accepted = compile(await resourcesOf([agent, route('chatId == "a"')]), published(emptyContent));
  const broken = await resourcesOf([agent, route('chatId ==')]);
  const { buckets, revision } = encodeSnapshot(accepted.content);
  const index = {
    schema: snapshotSchemaVersion,
    revision,
    sequence: 1,
    buckets: buckets.map(({ sha256 }) => ({ slot: 'a', sha256 })),
  };
  const stored = new Map<string, ConfigMap>([
    [snapshotIndexName, { metadata: { name: snapshotIndexName }, data: { [indexKey]: JSON.stringify(index) } }],
    ...buckets.map((bucket, number) => {
      const name = bucketName(number, 'a');
      return [name, { metadata: { name }, ...packBucket(bucket) }] as const;
    }),
  ]);
  const lost = () => {
    const { content, isUnreadable } = readPublished((name) => stored.get(name), log);
    return lostEntries(compile(broken, published(content)), isUnreadable).map(({ kind, name }) => `${kind}/${name}`);
  };

  expect(lost()).toEqual([]);
  stored.delete(bucketName(0, 'a'));
  expect(lost()).toEqual(['Route/team']);
  stored.set(snapshotIndexName, { metadata: { name: snapshotIndexName }, data: { [indexKey]: 'garbage' } });
  expect(lost()).toEqual(['Route/team']);
  stored.delete(snapshotIndexName);
  expect(lost()).toEqual([]);
});

function published(content: typeof emptyContent) {
  return { content, versionKey: 'test' };
}
