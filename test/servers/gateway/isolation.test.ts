import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { runOverHttp } from '../../isolation/over-http.ts';
import { startTaggedModel, type TaggedModel } from '../../isolation/tagged-model.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let model: TaggedModel;
let replicas: readonly TestGateway[] = [];
beforeEach(async () => {
  [state, model] = await Promise.all([createState(), startTaggedModel()]);
  replicas = await Promise.all([1, 2, 3].map(() => startTestGateway({ databaseUrl: state.url })));
});
afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await model.stop();
  await state.drop();
});

it('1,500 random requests and runs over three replicas: each as predicted, with its own history and no other', async () => {
  const report = await runOverHttp({ seed: 4, count: 1_500, replicas, modelBaseURL: model.baseURL });
  expect(report).toMatchObject({ unpredicted: 0, crossings: 0, examples: [] });
  expect(report.answered / report.total).toBeGreaterThanOrEqual(0.5);
  for (const kind of ['runs', 'continued', 'hijacks', 'repeats'] as const) expect(report[kind]).toBeGreaterThan(50);
});
