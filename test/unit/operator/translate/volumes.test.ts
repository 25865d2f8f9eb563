import { expect, it } from 'vitest';
import type { AgentVolume } from '../../../../operator/resources.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';
import { translate } from '../translate.ts';

const volume = { profile: { volume: { size: '1Gi' } } };
const agent = (spec: object): Manifest => ({ kind: 'Agent', metadata: { name: 'coder' }, spec });
const mounted: AgentVolume = { agent: 'coder', problem: undefined, claimName: 'talaria-profile-coder' };
const problem = { reason: 'VolumePending', message: 'not yet' } as const;
const published = { content: emptyContent, versionKey: 'key' };

async function coder(spec: object, volumes?: readonly AgentVolume[], before = published) {
  const resources = { ...(await resourcesOf([agent(spec)])), ...(volumes && { volumes }) };
  const { content, objects } = translate(resources, before);
  const ready = objects[0]?.verdicts.find(({ type }) => type === 'ProfileReady');
  return { content, entry: content.agents[0], ready, fields: objects[0]?.fields };
}

it('an Agent whose volume is mounted serves with it', async () => {
  const { entry, ready, fields } = await coder(volume, [mounted]);
  expect(entry).toMatchObject({ refuse: undefined, profile: { volume: true } });
  expect(ready).toMatchObject({ status: 'True', message: 'the volume is mounted in every gateway pod' });
  expect(fields).toMatchObject({ claimName: 'talaria-profile-coder' });
});

it('an Agent whose volume is not mounted refuses, and says why', async () => {
  const { entry, ready } = await coder(volume, [{ ...mounted, problem }]);
  expect(entry).toMatchObject({ refuse: 'agent_not_ready', refuseReason: 'VolumePending', profile: undefined });
  expect(ready).toMatchObject({ status: 'False', ...problem });
});

it('a volume that a generation no longer asks for holds up nobody', async () => {
  const { entry, ready, fields } = await coder({}, [{ ...mounted, problem }]);
  expect(entry).toMatchObject({ refuse: undefined, profile: undefined });
  expect(ready).toMatchObject({ status: 'True' });
  expect(fields).not.toHaveProperty('claimName');
});

it('a generation in force keeps its volume while a newer one is not accepted', async () => {
  const { content } = await coder(volume, [mounted]);
  const broken = { model: { provider: 'openai', name: 'x', baseURL: 'https://host:99999' } };
  const before = { ...published, content };
  expect((await coder(broken, [mounted], before)).entry?.profile).toEqual({ volume: true });
  const pending = await coder(broken, [{ ...mounted, problem }], before);
  expect(pending.entry).toMatchObject({ refuse: 'agent_not_ready', profile: undefined });
  expect(pending.ready).toMatchObject({ status: 'False', generation: 1 });
});

it('without a cluster, as in standalone mode, a volume is nothing to wait for', async () => {
  const { entry, ready } = await coder(volume);
  expect(entry).toMatchObject({ refuse: undefined, profile: undefined });
  expect(ready).toMatchObject({ status: 'True' });
});
