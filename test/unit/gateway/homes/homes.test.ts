import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeInPod } from '../../../../core/homes.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import { buildTable } from '../../../../gateway/config/table.ts';
import { createHomes, type Homes } from '../../../../gateway/homes/homes.ts';
import { type ConfigurationFields, configuration } from '../../../harness/entries.ts';
import { startTestGateway } from '../../../harness/gateway.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';
import { waitFor } from '../../../harness/wait-for.ts';

let root: string;
let folder: string;
let registry: Registry;
let homes: Homes;
beforeEach(async () => {
  root = await temporaryFolder('homes');
  folder = path.join(root, 'homes');
  registry = new Registry();
  homes = createHomes({ folder, registry, log: createLogger('test', 'silent'), everyMs: 20 });
  homes.start();
});
afterEach(async () => {
  await homes.stop();
  await rm(root, { recursive: true, force: true });
});

const show = async (agents: ConfigurationFields['agents'] = []) =>
  homes.render(await buildTable(configuration({ agents })));
const soul = (agent: string) => readFile(path.join(folder, agent, 'SOUL.md'), 'utf8').catch(() => undefined);
const rendered = (agent: string, text: string) =>
  waitFor(`the home of ${agent}`, async () => (await soul(agent)) === text);
const failures = async () => Number(/^talaria_home_failures_total (\d+)$/m.exec(await registry.metrics())?.[1]);

describe('the homes of a replica', () => {
  it('are rendered from every table, and go with their agents', async () => {
    await show([
      { name: 'a', instructions: 'one' },
      { name: 'b', instructions: 'two' },
    ]);
    await rendered('a', 'one');
    await rendered('b', 'two');
    await show([{ name: 'b', instructions: 'three' }]);
    await rendered('b', 'three');
    await waitFor('the home of a to go', async () => (await readdir(folder)).join() === 'b');
  });

  it('may fail one by one: the failure is counted and tried again, and the others are there', async () => {
    await mkdir(folder);
    await writeFile(path.join(folder, 'a'), 'in the way');
    await show([
      { name: 'a', instructions: 'one' },
      { name: 'b', instructions: 'two' },
    ]);
    await rendered('b', 'two');
    await waitFor('two failures', async () => (await failures()) >= 2);
    await rm(path.join(folder, 'a'));
    await rendered('a', 'one');
  });

  it('leave folders alone that are no agent’s', async () => {
    await mkdir(path.join(folder, 'lost+found'), { recursive: true });
    await show([{ name: 'a', instructions: 'one' }]);
    await rendered('a', 'one');
    await show([]);
    await waitFor('the home of a to go', async () => (await readdir(folder)).join() === 'lost+found');
  });
});

it('the chart mounts them where the status of an Agent says that its home is', () => {
  const chart = readFileSync(
    path.join(import.meta.dirname, '../../../../charts/talaria/templates/gateway-deployment.yaml'),
    'utf8',
  );
  const mounted = path.dirname(homeInPod('a'));
  expect(chart).toContain(`{name: homes, mountPath: ${mounted}}`);
  expect(chart).toMatch(new RegExp(`name: TALARIA_HOMES_DIR\\s+value: ${mounted}\\n`));
});

it('a gateway renders homes behind its routing, and serves when they cannot be rendered at all', async () => {
  const blocked = path.join(root, 'file');
  await writeFile(blocked, '');
  const agents = [{ name: 'a', default: true, instructions: 'one' }];
  const gateways = await Promise.all(
    [folder, path.join(blocked, 'homes')].map((homesDir) => startTestGateway({ serves: { agents }, homesDir })),
  );
  await rendered('a', 'one');
  for (const { url } of gateways) {
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  }
  await Promise.all(gateways.map((gateway) => gateway.stop()));
});
