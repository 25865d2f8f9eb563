import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { storeDelivery } from '../delivery/stored-deliveries.ts';
import { createStage, readyAgent, type Stage, settled } from '../operator/stage.ts';
import { agentEntry, tableOf } from '../schedule/entries.ts';
import { startReplica } from '../schedule/replica.ts';
import { createState, type TestState } from '../schedule/state.ts';

const page = (name: string) => readFileSync(path.join(import.meta.dirname, '../../../docs', name), 'utf8');

/** What stands in the blocks of one language, without the indentation of lists. */
function blocks(name: string, language: string): readonly string[] {
  const found = page(name).matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, 'gm'));
  return [...found].map(([, indent = '', text = '']) => text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

describe('the statements of the pages for operators', () => {
  let state: TestState;
  const stops: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    state = await createState();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(() => state.drop());

  it('find the gateway that holds a run', async () => {
    const [statement = ''] = blocks('runbooks.md', 'sql');
    expect(await state.rows(statement)).toEqual([]);
  });

  it('park what was to be sent when a backup was made; what comes after it is sent, and a person decides about the rest', async () => {
    const [statement = ''] = blocks('backup.md', 'sql');
    const line = 'log:one';
    const [old, sending] = [
      await storeDelivery(state, { line }),
      await storeDelivery(state, { line, status: 'sending' }),
    ];
    await state.rows(statement);
    const later = await storeDelivery(state, { line });
    const replica = startReplica({
      url: state.url,
      name: 'a',
      table: await tableOf({ sequence: 1, agents: [agentEntry('clerk')] }),
    });
    stops.push(replica.stop);
    await waitFor('the later one to be sent', async () => (await statusOf(later)) === 'sent');
    expect([await statusOf(old), await statusOf(sending)]).toEqual(['ambiguous', 'ambiguous']);
  });

  it('hand a database over to another namespace, which is refused before', async () => {
    const start = async (namespaceUid: string): Promise<TestGateway> => {
      const serves = { agents: [{ name: 'main', default: true }], gatewayKeys: [{ name: 'all', key: 'k' }] };
      const gateway = await startTestGateway({ databaseUrl: state.url, namespaceUid, serves });
      stops.push(gateway.stop);
      return gateway;
    };
    await expect(start('new')).rejects.toThrow(/belongs to another namespace/);
    const [, statement = ''] = blocks('backup.md', 'sql');
    await state.rows(statement.replace('UID OF THE NEW NAMESPACE', 'new'));
    const gateway = await start('new');
    const stored = { key: 'k', headers: { 'x-talaria-session-id': 'kept' } };
    expect((await ask(gateway.url, stored)).status).toBe(200);
  });

  async function statusOf(id: string): Promise<string | undefined> {
    const [row] = await state.rows<{ status: string }>('select status from deliveries where id = $1', [id]);
    return row?.status;
  }
});

describe('the calls of kubectl on the pages for operators', () => {
  const pages = ['runbooks.md', 'troubleshooting.md', 'backup.md', 'upgrade.md'];
  const commands = pages.flatMap((name) =>
    blocks(name, 'sh')
      .flatMap((block) => block.split('\n'))
      .filter((line) => line.startsWith('kubectl ')),
  );
  /** Nothing runs pods here: these wait for them, or read from them. */
  const needsPods = /kubectl -n agents (logs|rollout status) /;
  let stage: Stage;

  beforeAll(async () => {
    stage = await createStage();
    await stage.namespace.apply([
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'talaria-database' }, stringData: { url: 'postgres://' } },
      { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name: 'triage' }, spec: {} },
      {
        apiVersion: 'talaria.dev/v1alpha1',
        kind: 'Route',
        metadata: { name: 'all' },
        spec: { rules: [{ name: 'r', matches: [{ chatId: '1' }], agentRefs: [{ name: 'triage' }] }] },
      },
    ]);
    stage.startOperator();
    await stage.startReplica('talaria-gateway-0');
    await settled(stage, 'Agent', 'triage', readyAgent);
  });
  afterAll(() => stage.stop());

  it('are many', () => {
    expect(commands.length).toBeGreaterThan(12);
  });

  it.each([...new Set(commands)])('%s: is one that works', async (command) => {
    const args = words(command.replace('kubectl -n agents ', '').replace(/^kubectl /, ''));
    if (needsPods.test(command)) {
      const target = args.find((word) => word.startsWith('deployment/')) ?? '';
      expect(await stage.namespace.kubectl(['get', target, '-o', 'name'])).toContain('talaria');
      return;
    }
    const inNamespace = args.map((word) => (word === 'agents' ? stage.namespace.name : word));
    const dry = args[0] === 'apply' ? ['--dry-run=server'] : [];
    await expect(stage.namespace.kubectl([...inNamespace, ...dry])).resolves.toBeTypeOf('string');
  });
});

/** The arguments of a command line, of which some are in single quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
}
