import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeSnapshot } from '../../../../core/snapshot/encode.ts';
import { bucketOf, maxBuckets } from '../../../../core/snapshot/names.ts';
import { packBucket, payloadBytes } from '../../../../core/snapshot/pack.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';
import { type Translation, translate } from '../translate.ts';

describe('texts of one Agent', () => {
  it('beyond 256 KiB together are not accepted, and the last accepted texts stay in force', async () => {
    const good = await translated([agentWithSkills('coder', 2), source('skills', 100_000)]);
    const grown = await translated([agentWithSkills('coder', 2), source('skills', 150_000)], good);

    expect(accepted(grown, 'coder')).toMatchObject({ status: 'False', reason: 'TextsTooLarge' });
    expect(textBytes(grown)).toBe(200_000);
  });

  it('that two places share count once', async () => {
    const { content } = await translated([agentWithSkills('coder', 2), source('skills', 200_000, 'the same')]);
    expect(content.agents).toHaveLength(1);
  });

  it('of a kept generation follow their ConfigMap only as far as they fit', async () => {
    const good = await translated([agentWithSkills('coder', 2), source('skills', 1000)]);
    const bad = { ...agentWithSkills('coder', 2), ...notAccepted('coder') };
    const followed = await translated([bad, source('skills', 2000)], good);
    const tooFar = await translated([bad, source('skills', 150_000)], followed);

    expect(textBytes(followed)).toBe(4000);
    expect(textBytes(tooFar)).toBe(4000);
    expect(accepted(tooFar, 'coder').reason).toBe('InvalidParameters');
  });
});

describe('rules that have only an expression', () => {
  it('are 100 in a namespace; the Route with the 101st is not accepted', async () => {
    const result = await translated([
      expressions('a-young', 51, '2026-02-01T00:00:00Z'),
      expressions('z-old', 50, '2026-01-01T00:00:00Z'),
      expressions('mixed', 1, '2026-03-01T00:00:00Z', { platform: 'api' }),
    ]);
    expect(result.content.routes.map((route) => route.name)).toEqual(['mixed', 'z-old']);
    expect(accepted(result, 'a-young').reason).toBe('TooManyExpressions');
  });

  it('in force stay when an older Route asks for more', async () => {
    const first = await translated([expressions('old', 50, '2025-01-01T00:00:00Z'), expressions('young', 50)]);
    const grown = { ...expressions('old', 51, '2025-01-01T00:00:00Z') };
    const second = await translated(
      [{ ...grown, metadata: { ...grown.metadata, generation: 2 } }, expressions('young', 50)],
      first,
    );

    expect(generations(second)).toEqual(generations(first));
    expect(accepted(second, 'old').message).toContain('Generation 1 stays in force');
  });

  it('become free when a Route goes', async () => {
    const full = await translated([expressions('one', 60), expressions('two', 60)]);
    const { content } = await translated([expressions('two', 60)], full);
    expect(full.content.routes.map((route) => route.name)).toEqual(['one']);
    expect(content.routes.map((route) => route.name)).toEqual(['two']);
  });
});

describe('a bucket of the snapshot that is full', () => {
  it('leaves out the youngest, object by object, and what it publishes fits into a ConfigMap', async () => {
    const result = await translated(crowd(12).toReversed());
    const served = result.content.agents.map((agent) => agent.name);

    expect(served).toEqual(['a00', 'a01', 'a02', 'a03', 'a04', 'a05']);
    expect(accepted(result, 'a06')).toMatchObject({ status: 'False', reason: 'SnapshotFull' });
    const { buckets } = encodeSnapshot(result.content);
    expect(Math.max(...buckets.map((bucket) => payloadBytes(packBucket(bucket))))).toBeLessThan(1024 * 1024);
  });

  it('keeps what is published, also when somebody older comes', async () => {
    const first = await translated(crowd(8));
    const older = agentInBucket('older', 200_000, '2020-01-01T00:00:00Z');
    const second = await translated([...crowd(8), older], first);

    expect(generations(second)).toEqual(generations(first));
    expect(accepted(second, 'older').reason).toBe('SnapshotFull');
  });

  it('still lets an Agent be suspended, and takes the next one when an Agent goes', async () => {
    const first = await translated(crowd(8));
    const [gone, suspended, ...others] = crowd(8);
    const second = await translated([changed(suspended, { suspend: true }), ...others], first);

    expect(gone?.metadata.name).toBe('a00');
    expect(second.content.agents.map((agent) => agent.name)).toEqual(['a01', 'a02', 'a03', 'a04', 'a05', 'a06']);
    expect(second.content.agents[0]?.refuse).toBe('agent_suspended');
  });

  it('keeps the last good entry of an Agent that grows too much, and takes one that shrinks', async () => {
    const first = await translated(crowd(6));
    const [a, b, ...others] = crowd(6);
    const second = await translated([changed(a, skills('a', 256_000)), b, ...others].filter(isManifest), first);
    const third = await translated([a, changed(b, { skills: [] }), ...others].filter(isManifest), first);

    expect(generations(second)).toEqual(generations(first));
    expect(textBytes(second)).toBe(textBytes(first));
    expect(accepted(second, 'a00').message).toContain('Generation 1 stays in force');
    expect(third.content.agents.map((agent) => agent.generation)).toEqual([1, 2, 1, 1, 1, 1]);
  });

  it('counts a text once that many Agents share', async () => {
    const shared = { instructions: { inline: noise('shared', 60_000) } };
    const { content } = await translated(
      Array.from({ length: 40 }, (_, index) => agentInBucket(`s${index}`, 0, undefined, shared)),
    );
    expect(content.agents).toHaveLength(40);
  });
});

describe('a value of a Secret', () => {
  it('beyond 16 KiB is not used', async () => {
    const { content, objects } = await translated([
      {
        kind: 'Agent',
        metadata: { name: 'coder' },
        spec: { access: { apiKeys: [{ name: 'ci', secretRef: { name: 'big' } }] } },
      },
      {
        kind: 'Secret',
        metadata: { name: 'big', labels: { 'talaria.dev/credentials': 'true' } },
        stringData: { key: 'k'.repeat(16 * 1024 + 1) },
      },
    ]);
    expect(content.agents[0]).toMatchObject({ refuse: 'agent_not_ready', refuseReason: 'ValueTooLarge' });
    expect(JSON.stringify(objects)).not.toContain('kkkk');
  });
});

async function translated(manifests: readonly Manifest[], before?: Translation): Promise<Translation> {
  const published = { content: before?.content ?? emptyContent, versionKey: 'test' };
  return translate(await resourcesOf(manifests), published);
}

function accepted({ objects }: Pick<Translation, 'objects'>, name: string) {
  const verdict = objects.find((report) => report.name === name)?.verdicts.find(({ type }) => type === 'Accepted');
  if (verdict === undefined) throw new Error(`there is no report on ${name}`);
  return verdict;
}

function agentWithSkills(name: string, count: number): Manifest {
  const skills = Array.from({ length: count }, (_, index) => ({
    name: `s${index}`,
    configMapKeyRef: { name: 'skills', key: `s${index}` },
  }));
  return { kind: 'Agent', metadata: { name }, spec: { skills } };
}

function notAccepted(name: string): Pick<Manifest, 'metadata' | 'spec'> {
  const model = { provider: 'echo', name: 'echo', parameters: { extra: '[]' } };
  return { metadata: { name, generation: 2 }, spec: { model } };
}

function source(name: string, bytes: number, same?: string): Manifest {
  const text = (key: string) => (same ?? key).repeat(bytes).slice(0, bytes);
  const metadata = { name, labels: { 'talaria.dev/source': 'true' } };
  return { kind: 'ConfigMap', metadata, data: { s0: text('s0'), s1: text('s1') } };
}

function generations({ content }: Translation): readonly string[] {
  return [...content.agents, ...content.routes].map(({ name, generation }) => `${name} ${generation}`);
}

function textBytes({ content }: Translation): number {
  return Object.values(content.texts).reduce((sum, text) => sum + text.length, 0);
}

function expressions(name: string, count: number, createdAt = '2026-01-01T00:00:00Z', fields = {}): Manifest {
  const rules = Array.from({ length: count }, (_, index) => ({
    name: `r${index}`,
    matches: [{ ...fields, expression: `chatId == "${name}-${index}"` }],
    agentRefs: [{ name: 'coder' }],
  }));
  return { kind: 'Route', metadata: { name, creationTimestamp: createdAt }, spec: { rules } };
}

/** Agents of one bucket, the older the lower their number; six fit. */
function crowd(count: number): readonly Manifest[] {
  return Array.from({ length: count }, (_, index) => {
    const number = String(index).padStart(2, '0');
    return agentInBucket(`a${number}`, 218_000, `2026-01-01T00:00:${number}Z`);
  });
}

/** The uid is chosen so that the Agent lies in the first bucket. */
function agentInBucket(
  name: string,
  bytes: number,
  creationTimestamp?: string,
  spec: object = skills(name, bytes),
): Manifest {
  let attempt = 0;
  while (bucketOf(`${name}-${attempt}`, maxBuckets) !== 0) attempt += 1;
  const created = creationTimestamp === undefined ? {} : { creationTimestamp };
  return { kind: 'Agent', metadata: { name, uid: `${name}-${attempt}`, ...created }, spec };
}

function changed(manifest: Manifest | undefined, spec: object): Manifest {
  if (manifest === undefined) throw new Error('there is nothing to change');
  const { metadata } = manifest;
  return { ...manifest, metadata: { ...metadata, generation: 2 }, spec: { ...(manifest.spec as object), ...spec } };
}

function isManifest(manifest: Manifest | undefined): manifest is Manifest {
  return manifest !== undefined;
}

function skills(seed: string, bytes: number): object {
  return {
    skills: [0, 1, 2, 3].map((part) => ({ name: `s${part}`, inline: noise(`${seed}-${part}`, bytes / 4) || '-' })),
  };
}

/** Text that compresses to three quarters at best. */
function noise(seed: string, bytes: number): string {
  return createHash('shake256', { outputLength: bytes }).update(seed).digest('base64').slice(0, bytes);
}
