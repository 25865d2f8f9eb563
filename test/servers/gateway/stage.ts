import { afterEach, beforeEach } from 'vitest';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

/** The database of the test that runs, and its model server. */
export let state: TestState;
export let mock: MockModel;
const started: { readonly stop: () => Promise<void> }[] = [];

/** Gives each test of the file that calls it a database and a model server, and stops what the test started. */
export function setUpStage(): void {
  beforeEach(async () => {
    [state, mock] = await Promise.all([createState(), startMockModel()]);
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((replica) => replica.stop()));
    await mock.stop();
    await state.drop();
  });
}

/** Starts a gateway on the database of the test. */
export async function startOnStage(options: Partial<TestGatewayOptions>): Promise<TestGateway> {
  return keep(await startTestGateway({ databaseUrl: state.url, ...options }));
}

/** Has a replica stopped at the end of the test. */
export function keep<T extends { readonly stop: () => Promise<void> }>(replica: T): T {
  started.push(replica);
  return replica;
}

/** The model of an Agent: the model server of the test. */
export const remote = () => ({ provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL }) as const;

/** The messages that the model was shown last. */
export const seen = () => mock.requests.at(-1)?.body.messages.map(({ role, content }) => `${role}: ${content}`);

/** Waits until the model was called so many times. */
export const asked = (count: number) => waitFor(`${count} calls of the model`, () => mock.requests.length === count);

/** Waits until so many runs wait for their session or a worker. */
export const queued = (count: number) =>
  waitFor(
    `${count} runs that wait`,
    async () => (await state.rows(`select 1 from runs where status = 'queued'`)).length === count,
  );
