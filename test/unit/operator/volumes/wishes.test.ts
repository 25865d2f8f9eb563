import { expect, it } from 'vitest';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { volumeWishes } from '../../../../operator/volumes/wishes.ts';
import { resourcesOf } from '../manifests.ts';
import { translate } from '../translate.ts';

const agent = (name: string, spec: object) => ({ kind: 'Agent', metadata: { name }, spec });
const volume = { profile: { volume: { size: '1Gi' } } };
const broken = { model: { provider: 'openai', name: 'x', baseURL: 'https://host:99999' } };

async function wishesOf(now: readonly object[], before: readonly object[] = []) {
  const { content } = translate(await resourcesOf(before as never), { content: emptyContent, versionKey: 'key' });
  return volumeWishes((await resourcesOf(now as never)).agents, content).map(({ agent: name, claimName }) => [
    name,
    claimName,
  ]);
}

it('who asks for a volume is sorted by name, with the claim that it names or that is made for it', async () => {
  const existing = { profile: { volume: { existingClaim: 'data' } } };
  expect(await wishesOf([agent('writer', volume), agent('coder', existing), agent('plain', {})])).toEqual([
    ['coder', 'data'],
    ['writer', 'talaria-profile-writer'],
  ]);
});

it('a generation that is not accepted asks for nothing, and the one in force goes on to ask', async () => {
  const before = [agent('coder', volume)];
  expect(await wishesOf([agent('coder', { ...broken, ...volume })])).toEqual([]);
  expect(await wishesOf([agent('coder', broken)], before)).toEqual([['coder', 'talaria-profile-coder']]);
});

it('a volume that is in force is asked for until the snapshot is without it', async () => {
  const before = [agent('coder', volume)];
  expect(await wishesOf([agent('coder', {})], before)).toEqual([['coder', 'talaria-profile-coder']]);
  expect(await wishesOf([agent('coder', {})], [agent('coder', {})])).toEqual([]);
  expect(await wishesOf([], before)).toEqual([]);
});
