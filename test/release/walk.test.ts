import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { kubectl } from '../harness/kubectl.ts';
import { waitFor } from '../harness/wait-for.ts';

const { kubeconfig, namespace, gateways, apiKey } = inject('release');
/** Ends the names of all objects here, so that a namespace in use and a repeated run do no harm. */
const run = randomBytes(3).toString('hex');
const [coder, writer, chat] = [`coder-${run}`, `writer-${run}`, `chat-${run}`];
const kinds = 'agents.talaria.dev,routes.talaria.dev,cronjobs.talaria.dev';

describe('from kubectl apply to an answer, a scheduled run and a delivery', () => {
  beforeAll(async () => {
    await apply(agent(coder), agent(writer), route(coder));
    await talk([
      'wait',
      '--for=condition=Ready',
      '--timeout=60s',
      '-l',
      `run=${run}`,
      'agents.talaria.dev,routes.talaria.dev',
    ]);
  });
  afterAll(() => talk(['delete', '-l', `run=${run}`, kinds]));

  it('kubectl get talaria lists what is there', async () => {
    const listed = await talk(['get', 'talaria', '-l', `run=${run}`]);
    expect(listed).toMatch(new RegExp(`agent.talaria.dev/${coder}\\s+True`));
    expect(listed).toMatch(new RegExp(`route.talaria.dev/route-${run}\\s+True`));
  });

  it('a request of the chat that a Route names reaches its agent, at every gateway', async () => {
    for (const gateway of gateways) {
      const answer = await ask(gateway, { chatId: chat, text: 'Which agent are you?' });
      expect(answer.status).toBe(200);
      expect(answer.agent).toBe(coder);
      expect(answer.text).toBe('Which agent are you?');
    }
  });

  it('an edited Route is followed, and is Programmed when every gateway follows it', async () => {
    await apply(route(writer));
    await programmed('routes.talaria.dev', `route-${run}`);
    for (const gateway of gateways) expect((await ask(gateway, { chatId: chat })).agent).toBe(writer);
    await apply(route(coder));
    await programmed('routes.talaria.dev', `route-${run}`);
    for (const gateway of gateways) expect((await ask(gateway, { chatId: chat })).agent).toBe(coder);
  });

  it('a Route to an agent that does not exist refuses, and nobody else answers', async () => {
    await apply(route(`nobody-${run}`));
    await waitFor('the refusal', async () => (await ask(gateways[0] ?? '', { chatId: chat })).status === 503);
    const refused = await ask(gateways[0] ?? '', { chatId: chat });
    expect(refused).toMatchObject({ status: 503, code: 'agent_not_found', agent: null });
    await apply(route(coder));
    await waitFor('the agent to be back', async () => (await ask(gateways[0] ?? '', { chatId: chat })).agent === coder);
  });

  it('a broken edit of a Route is reported and changes nothing that serves', async () => {
    await apply(route(writer, 'chatId ==='));
    const broken = [
      'get',
      'routes.talaria.dev',
      `route-${run}`,
      '-o',
      `jsonpath={.status.conditions[?(@.type=="Accepted")]}`,
    ];
    const condition = await waitFor('Accepted=False', async () => {
      const found = JSON.parse((await talk(broken)) || '{}');
      return found.status === 'False' && found;
    });
    expect(condition.reason).toBe('InvalidExpression');
    for (const gateway of gateways) expect((await ask(gateway, { chatId: chat })).agent).toBe(coder);
    await apply(route(coder));
    await talk(['wait', '--for=condition=Ready', '--timeout=60s', 'routes.talaria.dev', `route-${run}`]);
  });

  it('a session goes on at whichever gateway the next request arrives', async () => {
    const session = `session-${run}`;
    const first = await ask(gateways[0] ?? '', { chatId: chat, session, text: 'one' });
    const second = await ask(gateways.at(-1) ?? '', { chatId: chat, session, text: 'two' });
    expect(first.session).toMatch(/^ses_/);
    expect(second.session).toBe(first.session);
    expect(second.agent).toBe(coder);
  });

  it('a wrong key is refused', async () => {
    expect(await ask(gateways[0] ?? '', { chatId: chat, key: 'wrong' })).toMatchObject({
      status: 401,
      code: 'invalid_key',
    });
  });

  it('a CronJob runs by the clock as its agent, delivers, and its status tells', async () => {
    await apply(cronJob(writer));
    const status = await waitFor(
      'a successful and delivered run in the status',
      async () => {
        const read = await talk(['get', 'cronjobs.talaria.dev', `job-${run}`, '-o', 'jsonpath={.status}']);
        const found = JSON.parse(read || '{}');
        return found.recentRuns?.some(isDelivered) && found;
      },
      { timeoutMs: 90_000, intervalMs: 500 },
    );
    expect(status.missedCount ?? 0).toBe(0);
    expect(status.lastSuccessfulTime).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(status.nextScheduleTime).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('the API server refuses a manifest that breaks a rule, and names the field', async () => {
    const broken = { ...route(coder), spec: { rules: [{ name: 'all', matches: [{}], agentRefs: [{ name: coder }] }] } };
    await expect(apply(broken)).rejects.toThrow(/spec\.rules\[0\]\.matches\[0\]/);
  });
});

function talk(args: readonly string[], input?: string): Promise<string> {
  return kubectl(kubeconfig, ['--namespace', namespace, ...args], input);
}

async function apply(...items: readonly object[]): Promise<void> {
  await talk(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

/** Waits until every gateway serves the newest generation. */
async function programmed(resource: string, name: string): Promise<void> {
  await waitFor(`${name} to be Programmed`, async () => {
    const found = JSON.parse(await talk(['get', resource, name, '-o', 'json']));
    const condition = found.status.conditions.find((it: { type: string }) => it.type === 'Programmed');
    return condition?.status === 'True' && condition.observedGeneration === found.metadata.generation;
  });
}

function object(kind: string, name: string, spec: object): object {
  return { apiVersion: 'talaria.dev/v1alpha1', kind, metadata: { name, labels: { run } }, spec };
}

function agent(name: string): object {
  return object('Agent', name, { model: { provider: 'echo', name: 'echo' } });
}

function route(agentName: string, expression?: string): object {
  const matches = [{ platform: 'api', chatId: chat, ...(expression && { expression }) }];
  return object('Route', `route-${run}`, { rules: [{ name: 'chat', matches, agentRefs: [{ name: agentName }] }] });
}

function cronJob(agentName: string): object {
  return object('CronJob', `job-${run}`, {
    schedule: '@every 2s',
    agentRef: { name: agentName },
    prompt: { inline: 'Everything is quiet.' },
    deliver: [{ name: 'console', log: true }],
  });
}

function isDelivered(found: { readonly outcome: string; readonly deliveryOutcome: string }): boolean {
  return found.outcome === 'Succeeded' && found.deliveryOutcome === 'Sent';
}

interface Question {
  readonly chatId: string;
  readonly session?: string;
  readonly text?: string;
  readonly key?: string;
}

interface Answer {
  readonly status: number;
  readonly agent: string | null;
  readonly session: string | null;
  readonly code: string | undefined;
  readonly text: string | undefined;
}

async function ask(gateway: string, { chatId, session, text = 'hello', key = apiKey }: Question): Promise<Answer> {
  const response = await fetch(`${gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'x-talaria-chat-id': chatId,
      ...(session && { 'x-talaria-session-id': session }),
    },
    body: JSON.stringify({ model: 'talaria', messages: [{ role: 'user', content: text }] }),
    signal: AbortSignal.timeout(10_000),
  });
  const body = (await response.json()) as {
    readonly error?: { readonly code: string };
    readonly choices?: readonly { readonly message: { readonly content: string } }[];
  };
  return {
    status: response.status,
    agent: response.headers.get('x-talaria-agent'),
    session: response.headers.get('x-talaria-session-id'),
    code: body.error?.code,
    text: body.choices?.[0]?.message.content,
  };
}
