import { expect } from 'vitest';
import type { TestGateway, TestGatewayOptions } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { remote, startOnStage } from './stage.ts';

/** Two Agents, `main` and `other`, and two keys, `one` and `two`, of which the first may have results delivered. */
export const served = () => ({
  agents: ['main', 'other'].map((name) => ({
    name,
    default: name === 'main',
    instructions: `You are ${name}.`,
    model: remote(),
  })),
  gatewayKeys: [
    { name: 'one', key: 'one', deliver: true },
    { name: 'two', key: 'two', deliver: false },
  ],
});

/** Starts a gateway of them. */
export async function start(options: Partial<TestGatewayOptions> = {}): Promise<TestGateway> {
  return await startOnStage({ serves: served(), ...options });
}

/** What the tests look into of runs, lists and errors. */
export interface RunBody {
  readonly id: string;
  readonly status: string;
  readonly output_text: string;
  readonly approvals: readonly { readonly call_id: string; readonly name: string; readonly arguments: string }[];
  readonly error: { readonly code: string } | null;
  readonly data: readonly RunBody[];
  readonly has_more: boolean;
  readonly last_id: string;
  readonly [field: string]: unknown;
}

/** One call of the runs’ API. */
export async function call(
  gateway: TestGateway,
  method: string,
  path: string,
  more: { key?: string; body?: object; headers?: object } = {},
) {
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${more.key ?? 'one'}`,
      ...(more.body ? { 'content-type': 'application/json' } : {}),
      ...more.headers,
    },
    ...(more.body ? { body: JSON.stringify(more.body) } : {}),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as RunBody };
}

/** Asks for a run of this input. */
export const create = async (
  gateway: TestGateway,
  input: unknown,
  more: { key?: string; headers?: object; body?: object } = {},
) => {
  const { body, ...rest } = more;
  const answer = await call(gateway, 'POST', '/v1/runs', { ...rest, body: { input, ...body } });
  expect(answer).toMatchObject({ status: 202, body: { object: 'run' } });
  return answer.body;
};

/** The run, once it has ended. */
export const ended = (gateway: TestGateway, id: string) =>
  waitFor('the run to end', async () => {
    const { body } = await call(gateway, 'GET', `/v1/runs/${id}`);
    return ['completed', 'failed', 'cancelled', 'unknown'].includes(body.status) && body;
  });

/** One event of a run. */
export interface Event {
  readonly id: number;
  readonly type: string;
  readonly data: { readonly delta?: string; readonly run?: RunBody; readonly [field: string]: unknown };
}

/** All events until the stream ends. */
export async function events(gateway: TestGateway, id: string, from?: number): Promise<Event[]> {
  const response = await fetch(`${gateway.url}/v1/runs/${id}/events`, {
    headers: { authorization: 'Bearer one', ...(from === undefined ? {} : { 'last-event-id': String(from) }) },
  });
  expect(response.status).toBe(200);
  return (await response.text())
    .split('\n\n')
    .filter((text) => text.startsWith('id: '))
    .map((text) => {
      const [, number, type, data] = /^id: (\d+)\nevent: (.*)\ndata: (.*)$/.exec(text) ?? [];
      return { id: Number(number), type: type ?? '', data: JSON.parse(data ?? '{}') };
    });
}
