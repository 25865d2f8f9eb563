import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../../core/lib/json.ts';
import { encodeSnapshot } from '../../../../core/snapshot/encode.ts';
import type { Resources } from '../../../../operator/resources.ts';
import { compile } from '../../../../operator/translate/compile.ts';
import { emptyContent, type Published } from '../../../../operator/translate/published.ts';
import { recompile } from '../../../../operator/translate/recompile.ts';
import { type Manifest, resourcesOf, uidOf } from '../manifests.ts';
import { type Translation, translate } from '../translate.ts';

const versionKey = 'properties';
const nothing: Published = { content: emptyContent, versionKey };

/** Small worlds, so that names collide, references dangle and generations replace each other often. */
const name = fc.constantFrom('alpha', 'beta', 'gamma');
const generation = fc.integer({ min: 1, max: 3 });
const createdAt = fc.constantFrom('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z');
const source = fc.constantFrom('one', 'two');

/** `valid: false` gives an object that is stored and not accepted. */
const agent = fc
  .record({
    name,
    generation,
    createdAt,
    valid: fc.boolean(),
    suspend: fc.boolean(),
    preset: fc.boolean(),
    secret: source,
    text: source,
  })
  .map(
    (world): Manifest => ({
      kind: 'Agent',
      metadata: { name: world.name, generation: world.generation, creationTimestamp: world.createdAt },
      spec: {
        default: world.preset,
        suspend: world.suspend,
        displayName: `${world.name} ${world.generation}`,
        instructions: { configMapKeyRef: { name: world.text, key: 'text' } },
        model: {
          provider: 'openai',
          name: 'gpt',
          apiKeySecretRef: { name: world.secret },
          parameters: world.valid ? {} : { extra: 'no json' },
        },
      },
    }),
  );

const route = fc.record({ name, generation, createdAt, valid: fc.boolean(), agent: name, chat: source }).map(
  (world): Manifest => ({
    kind: 'Route',
    metadata: { name: world.name, generation: world.generation, creationTimestamp: world.createdAt },
    spec: {
      rules: [
        {
          name: 'rule',
          matches: [{ chatId: world.chat }, { expression: world.valid ? 'chatId == "x"' : 'chatId ==' }],
          agentRefs: [{ name: world.agent }],
        },
      ],
    },
  }),
);

const cronJob = fc
  .record({ name, generation, valid: fc.boolean(), suspend: fc.boolean(), agent: name, text: source, secret: source })
  .map(
    (world): Manifest => ({
      kind: 'CronJob',
      metadata: { name: world.name, generation: world.generation },
      spec: {
        suspend: world.suspend,
        schedule: world.valid ? `*/${world.generation + 1} * * * *` : '0 0 31 2 *',
        agentRef: { name: world.agent },
        prompt: { configMapKeyRef: { name: world.text, key: 'text' } },
        deliver: [{ name: 'hook', webhook: { url: 'https://example.com/', secretRef: { name: world.secret } } }],
      },
    }),
  );

const secret = fc
  .record({
    name: source,
    usable: fc.boolean(),
    gatewayKey: fc.boolean(),
    role: fc.constantFrom('client', 'root'),
    key: source,
  })
  .map(
    (world): Manifest => ({
      kind: 'Secret',
      metadata: {
        name: world.name,
        labels: {
          'talaria.dev/credentials': String(world.usable),
          'talaria.dev/gateway-key': String(world.gatewayKey),
        },
        annotations: { 'talaria.dev/agents': '*', 'talaria.dev/role': world.role },
      },
      stringData: { key: `value-${world.key}` },
    }),
  );

const configMap = fc.record({ name: source, usable: fc.boolean(), text: source }).map(
  (world): Manifest => ({
    kind: 'ConfigMap',
    metadata: { name: world.name, labels: { 'talaria.dev/source': String(world.usable) } },
    data: { text: `text ${world.text}` },
  }),
);

const namespace = fc.uniqueArray(fc.oneof(agent, route, cronJob, secret, configMap), {
  selector: ({ kind, metadata }) => `${kind}/${metadata.name}`,
  maxLength: 15,
});
const history = fc.array(namespace, { minLength: 1, maxLength: 4 });

describe('translate, whatever a namespace holds and held before,', () => {
  it('does not depend on the order of its input', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.integer(), async (steps, seed) => {
        const { resources, published } = await lived(steps);
        const shuffled = shuffle(resources, seed);
        expect(said(translate(shuffled, published))).toBe(said(translate(resources, published)));
      }),
      { numRuns: 150 },
    );
  });

  it('gives the same again when its result is published', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const { resources, published } = await lived(steps);
        const first = translate(resources, published);
        const second = translate(resources, { content: first.content, versionKey });
        expect(said(second)).toBe(said(first));
        expect(second.content.agents.every((entry) => first.content.agents.includes(entry))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('gives from remembered work what it gives from scratch', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const { resources, published } = await lived(steps);
        const remembered = said(translate(resources, published));
        const copy = { content: structuredClone(published.content), versionKey };
        expect(said(translate(structuredClone(resources), copy))).toBe(remembered);
      }),
      { numRuns: 150 },
    );
  });

  it('gives from a copy of what is published what it gives from that itself, and then goes on from its own', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const { resources, published } = await lived(steps);
        const remembered = said(translate(resources, published));
        const copy = { content: structuredClone(published.content), versionKey, isCopy: true };
        const first = translate(structuredClone(resources), copy);
        expect(said(first)).toBe(remembered);
        const declared = [...resources.agents, ...resources.routes, ...resources.cronJobs];
        const accepted = declared.filter(({ rejection }) => rejection === undefined).map(({ uid }) => uid);
        const copied = entriesOf(first.content).filter((entry) => entriesOf(copy.content).includes(entry));
        expect(copied.filter(({ uid }) => accepted.includes(uid))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('gives the same from the compilation before as from everything, when only specs of Routes changed', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.array(route, { minLength: 1, maxLength: 4 }), async (steps, edits) => {
        let { resources, published } = await lived(steps);
        let before = compile(resources, published);
        for (const edit of edits) {
          const [declared] = (await resourcesOf([edit])).routes;
          const routes = resources.routes.map((old) =>
            old.name === declared?.name ? { ...declared, createdAt: old.createdAt } : old,
          );
          resources = { ...resources, routes };
          published = { content: before.content, versionKey };
          const fromAll = compile(resources, published);
          const recompiled = recompile(resources, published, before);
          const sameRoutesServe = fromAll.content.routes.length === before.content.routes.length;
          expect(recompiled !== undefined).toBe(sameRoutesServe);
          if (recompiled !== undefined) expect(recompiled).toEqual(fromAll);
          before = recompiled ?? fromAll;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never lets a generation that is not accepted change what serves, except to suspend it', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const { resources, published } = await lived(steps);
        const { content } = translate(resources, published);
        for (const { uid, rejection } of [...resources.agents, ...resources.routes, ...resources.cronJobs]) {
          if (rejection === undefined) continue;
          expect(authored(content, uid)).toEqual(authored(published.content, uid));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has no entry of an object that is gone, and one of every accepted object', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const { resources, published } = await lived(steps);
        const { content } = translate(resources, published);
        const present = entriesOf(content).map((entry) => entry.uid);
        const declared = [...resources.agents, ...resources.routes, ...resources.cronJobs];
        const known = [...declared, ...resources.secrets.filter((each) => each.gatewayKey)].map((each) => each.uid);
        const accepted = declared.filter((each) => each.rejection === undefined).map((each) => each.uid);
        expect(present.filter((uid) => !known.includes(uid))).toEqual([]);
        expect(accepted.filter((uid) => !present.includes(uid))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('names only credentials that it also gives, holds all texts, and puts no value of a Secret into the snapshot or a condition', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const { resources, published } = await lived(steps);
        const { content, credentials, objects, keyFaults } = translate(resources, published);
        const names = credentials.map((credential) => credential.name);
        expect(namedCredentials(content).filter((credential) => !names.includes(credential))).toEqual([]);
        expect(() => encodeSnapshot(content)).not.toThrow();
        expect(JSON.stringify([content, objects, keyFaults])).not.toContain('value-');
      }),
      { numRuns: 150 },
    );
  });

  it('makes at most one Agent the default, and one when one that serves asks for it', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const { resources, published } = await lived(steps);
        const { agents } = translate(resources, published).content;
        const asking = agents.filter((entry) => entry.origin?.default === true);
        expect(agents.filter((entry) => entry.default)).toHaveLength(Math.min(1, asking.length));
      }),
      { numRuns: 150 },
    );
  });
});

/** The last step is what is there now; what is published went through all steps before. */
async function lived(steps: readonly (readonly Manifest[])[]): Promise<{ resources: Resources; published: Published }> {
  let published = nothing;
  for (const step of steps.slice(0, -1)) {
    published = { content: translate(await resourcesOf(step), published).content, versionKey };
  }
  return { resources: await resourcesOf(steps.at(-1) ?? []), published };
}

function said({ content, credentials, objects, keyFaults }: Translation): string {
  return canonicalJson({ content, credentials, objects, keyFaults });
}

function shuffle(resources: Resources, seed: number): Resources {
  const by = (object: { readonly uid?: string; readonly name: string }) =>
    uidOf(String(seed), `${object.uid}${object.name}`);
  const shuffled = <T extends { readonly name: string }>(list: readonly T[]) =>
    list.toSorted((a, b) => (by(a) < by(b) ? -1 : 1));
  return {
    agents: shuffled(resources.agents),
    routes: shuffled(resources.routes),
    cronJobs: shuffled(resources.cronJobs),
    secrets: shuffled(resources.secrets),
    configMaps: shuffled(resources.configMaps),
  };
}

function entriesOf({ agents, routes, jobs, gatewayKeys }: Translation['content']) {
  return [...agents, ...routes, ...jobs, ...gatewayKeys];
}

/** What the author of a generation wrote, without what suspend, Secrets, ConfigMaps and other Agents decide. */
function authored(content: Translation['content'], uid: string): unknown {
  const entry = entriesOf(content).find((candidate) => candidate.uid === uid);
  if (entry === undefined) return undefined;
  const {
    refuse,
    refuseReason,
    suspend,
    unresolved,
    instructions,
    prompt,
    deliver,
    default: preset,
    model,
    ...rest
  } = entry as typeof entry & Record<string, unknown>;
  return JSON.parse(JSON.stringify({ ...rest, provider: (model as { provider?: string } | undefined)?.provider }));
}

function namedCredentials({ agents, jobs, gatewayKeys }: Translation['content']): readonly string[] {
  return [
    ...agents.flatMap(({ model }) => (model.apiKey === undefined ? [] : [model.apiKey])),
    ...jobs.flatMap(({ deliver }) => deliver.flatMap(({ webhook }) => webhook?.secrets ?? [])),
    ...gatewayKeys.flatMap(({ credentials }) => credentials),
  ];
}
