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

it('an object of which nothing can be said keeps what was said of it last, and is logged once', async () => {
  const { said, errors, metrics } = start();
  const first = await compiled([agent('bad'), agent('good')]);
  const second = await compiled([agent('bad'), agent('good', 'changed')]);
  reporter?.compiled(first);
  await waitFor('the first report', async () => said.length === 1, { timeoutMs: 5_000 });
  reporter?.compiled(unsayable(second));
  await waitFor('the second report', async () => said.length === 2, { timeoutMs: 5_000 });
  reporter?.compiled(unsayable(second));
  await waitFor('the third report', async () => said.length === 3, { timeoutMs: 5_000 });
  const [before, , after] = said;
  expect(after?.map(({ key }) => key).toSorted()).toEqual(['Agent/bad', 'Agent/good']);
  expect(of(after, 'Agent/bad')).toBe(of(before, 'Agent/bad'));
  expect(of(after, 'Agent/good')).not.toBe(of(before, 'Agent/good'));
  expect(errors).toEqual([
    expect.objectContaining({ object: 'Agent/bad', where: expect.stringMatching(/^TypeError/) }),
  ]);
  expect(await metrics.registry.metrics()).toContain(
    'talaria_operator_reconcile_failures_total{controller="report"} 2',
  );
});

function start() {
  const said: (readonly ObjectReport[])[] = [];
  const errors: unknown[] = [];
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
