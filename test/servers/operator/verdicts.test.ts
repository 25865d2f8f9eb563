import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agents, cronJobs, routes } from '../../../core/kube/resources.ts';
import type { KubeObject } from '../../../core/kube/types.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { verdictCases } from '../../testdata/verdicts/all.ts';
import { createStage, read, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  stage.startOperator();
  await stage.startReplica('talaria-gateway-0');
});
afterAll(() => stage.stop());

const resources = { Agent: agents, Route: routes, CronJob: cronJobs };
const storedCases = verdictCases.filter(({ verdict }) => verdict !== 'Refused');

describe('the operator gives every manifest that the API server stores the verdict of the table', () => {
  it.each(storedCases)(
    '$kind: $title: $verdict $reason $field',
    async ({ kind, manifest, old, verdict, reason, field }) => {
      const before = old && (await stage.client.create(resources[kind], old));
      const metadata = { ...manifest.metadata, resourceVersion: before?.metadata.resourceVersion };
      if (before === undefined) await stage.client.create(resources[kind], manifest);
      else await stage.client.replace(resources[kind], { ...manifest, metadata } as KubeObject);
      const accepted = await waitFor('the condition Accepted', async () => {
        const { metadata: stored, status } = await read(stage, kind, manifest.metadata.name);
        if (status.observedGeneration !== stored.generation) return undefined;
        return status.conditions.find(({ type }) => type === 'Accepted');
      });
      expect(accepted).toMatchObject(verdict === 'Accepted' ? { status: 'True' } : { status: 'False', reason });
      expect(accepted.message).toContain(field);
    },
  );
});
