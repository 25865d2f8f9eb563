import { describe, expect, it } from 'vitest';
import { KubeError } from '../../../../core/kube/kube-error.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import { createClusterAgentStatus } from '../../../../gateway/config/cluster-agent-status.ts';

const log = createLogger('test', 'silent');
const agent = { name: 'clerk', uid: 'uid-1' };
const status = { accounts: [{ name: 'bot', ready: true }], conditions: [] };

describe('the status of an Agent', () => {
  it('is applied to the Agent by its name', async () => {
    const written: unknown[] = [];
    await sinkThat((resource, object) => written.push([resource, object])).writeAgentStatus(agent, status);
    expect(written).toMatchObject([
      [
        { plural: 'agents', group: 'talaria.dev' },
        { metadata: { name: 'clerk' }, status },
      ],
    ]);
  });

  it('is left alone when the Agent is gone, and reported as not written when the write fails', async () => {
    const failing = (failure: { readonly status: number; readonly reason: string }) =>
      sinkThat(() => {
        throw new KubeError({ ...failure, message: failure.reason });
      }).writeAgentStatus(agent, status);
    await expect(failing({ status: 404, reason: 'NotFound' })).resolves.toBeUndefined();
    await expect(failing({ status: 403, reason: 'Forbidden' })).rejects.toBeInstanceOf(KubeError);
  });
});

function sinkThat(apply: (resource: unknown, object: unknown) => unknown) {
  const client = {
    applyStatus: async (resource: unknown, object: unknown) => apply(resource, object),
  } as unknown as Parameters<typeof createClusterAgentStatus>[0];
  return createClusterAgentStatus(client, log);
}
