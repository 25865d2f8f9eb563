import { pino } from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import { createOperatorMetrics } from '../../../operator/metrics.ts';
import { createReporter, type Reporter } from '../../../operator/reporter.ts';
import type { Compilation } from '../../../operator/translate/compilation.ts';
import { compile } from '../../../operator/translate/compile.ts';
import { emptyContent } from '../../../operator/translate/published.ts';
import type { ObjectReport } from '../../../operator/translate/report.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { type Manifest, resourcesOf } from './manifests.ts';

const agent = (name: string, displayName = name): Manifest => ({
  kind: 'Agent',
  metadata: { name },
  spec: { displayName },
});

let reporter: Reporter | undefined;
afterEach(() => reporter?.stop());

it('an object of which nothing can be said keeps what was said of the same generation, and its fault is logged once', async () => {
  const { said, errors, metrics } = start();
  await reported(await compiled([agent('bad'), agent('good')]), () => said.length === 1);
  // The second report of the change is that of the retry.
  await reported(unsayable(await compiled([agent('bad'), agent('good', 'changed')])), () => said.length >= 3);
  const [before, , after] = said;
  expect(after?.map(({ key }) => key).toSorted()).toEqual(['Agent/bad', 'Agent/good']);
  expect(of(after, 'Agent/bad')).toBe(of(before, 'Agent/bad'));
  expect(of(after, 'Agent/good')).not.toBe(of(before, 'Agent/good'));
  const places = errors.filter(({ object }) => object === 'Agent/bad');
  expect(places).toEqual([expect.objectContaining({ where: expect.stringMatching(/^TypeError/) })]);
  expect(await metrics.registry.metrics()).toMatch(/reconcile_failures_total\{controller="report"\} [1-9]/);
});

it('of a generation of which nothing was ever said, nothing is said of an older one', async () => {
  const { said } = start();
  await reported(await compiled([agent('bad'), agent('good')]), () => said.length === 1);
  const newer = await compiled([{ ...agent('bad'), metadata: { name: 'bad', generation: 2 } }, agent('good')]);
  await reported(unsayable(newer), () => said.length >= 2);
  expect(said.at(-1)?.map(({ key }) => key)).toEqual(['Agent/good']);
});

async function reported(compilation: Compilation, isReported: () => boolean): Promise<void> {
  reporter?.compiled(compilation);
  await waitFor('the report', async () => isReported(), { timeoutMs: 5_000 });
}

function start() {
  const said: (readonly ObjectReport[])[] = [];
  const errors: { readonly object?: string }[] = [];
  const metrics = createOperatorMetrics();
  const log = pino({ level: 'error' }, { write: (line: string) => errors.push(JSON.parse(line)) });
  reporter = createReporter({
    status: { report: (objects) => said.push(objects) },
    events: { keyFaults: vi.fn() },
    audit: { reported: vi.fn() },
    metrics,
    log,
    delayMs: 1,
  });
  reporter.start();
  return { said, errors, metrics };
}

async function compiled(manifests: readonly Manifest[]): Promise<Compilation> {
  return compile(await resourcesOf(manifests), { content: emptyContent, versionKey: 'key' });
}

function of(objects: readonly ObjectReport[] | undefined, key: string): ObjectReport | undefined {
  return objects?.find((object) => object.key === key);
}

/** The same, but that every look at what there is to say about the Agent "bad" fails. */
function unsayable(compilation: Compilation): Compilation {
  const agents = compilation.agents.map((settled) =>
    settled.declared.name === 'bad'
      ? Object.defineProperty({ ...settled }, 'about', {
          get: () => {
            throw new TypeError('a fault of ours');
          },
        })
      : settled,
  );
  return { ...compilation, agents };
}
