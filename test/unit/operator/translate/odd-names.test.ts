import { describe, expect, it } from 'vitest';
import { decodeBucket } from '../../../../core/snapshot/decode.ts';
import { encodeSnapshot } from '../../../../core/snapshot/encode.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';
import { type Translation, translate } from '../translate.ts';

/** Names that every object of JavaScript has, and that Kubernetes takes for keys. */
const odd = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'];
const secretLabels = { 'talaria.dev/credentials': 'true' };
const bystander: Manifest = { kind: 'Agent', metadata: { name: 'bystander' }, spec: {} };

describe.each(odd)('the name %s', (name) => {
  it('as the key of a Secret that lacks it is a missing key, and others are served', async () => {
    const model = { provider: 'openai', name: 'gpt', apiKeySecretRef: { name: 'provider', key: name } };
    const result = await translated([
      bystander,
      { kind: 'Agent', metadata: { name: 'odd' }, spec: { model } },
      { kind: 'Secret', metadata: { name: 'provider', labels: secretLabels }, stringData: { key: 'sk-1' } },
    ]);
    expect(entry(result, 'odd')).toMatchObject({ refuse: 'agent_not_ready', refuseReason: 'SecretKeyNotFound' });
    expect(entry(result, 'bystander')?.refuse).toBeUndefined();
  });

  it('as the key of a ConfigMap that lacks it is a missing key, and others are served', async () => {
    const instructions = { configMapKeyRef: { name: 'texts', key: name } };
    const result = await translated([
      bystander,
      { kind: 'Agent', metadata: { name: 'odd' }, spec: { instructions } },
      { kind: 'ConfigMap', metadata: { name: 'texts', labels: { 'talaria.dev/source': 'true' } }, data: { a: 'b' } },
    ]);
    expect(entry(result, 'odd')).toMatchObject({ refuse: 'agent_not_ready', refuseReason: 'ConfigMapKeyNotFound' });
    expect(entry(result, 'bystander')?.refuse).toBeUndefined();
  });

  it('as a key that a Secret of an account has is passed on, and the snapshot can be read', async () => {
    const accounts = [{ name: 'bot', platform: 'telegram', secretRef: { name: 'bot' } }];
    const data = JSON.parse(`{"${name}": "${Buffer.from('1').toString('base64')}", "token": "MTox"}`) as Record<
      string,
      string
    >;
    const result = await translated([
      bystander,
      { kind: 'Agent', metadata: { name: 'odd' }, spec: { accounts } },
      { kind: 'Secret', metadata: { name: 'bot', labels: secretLabels }, data },
    ]);
    const [bucket] = encodeSnapshot(result.content).buckets;
    const read = decodeBucket(bucket?.text ?? '', bucket?.sha256 ?? '');
    expect(read.agents.map((agent) => agent.name)).toEqual(['bystander', 'odd']);
    expect(read.agents[1]?.accounts[0]?.credentials.token).toMatch(/^odd\./);
  });
});

async function translated(manifests: readonly Manifest[]): Promise<Translation> {
  return translate(await resourcesOf(manifests), { content: emptyContent, versionKey: 'test' });
}

function entry({ content }: Translation, name: string) {
  return content.agents.find((agent) => agent.name === name);
}
