import { describe, expect, it } from 'vitest';
import type { Tool } from '../../../gateway/agent/tools/tool.ts';
import type { TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { call, create, ended, events, served, start } from './run-calls.ts';
import { mock, setUpStage, state } from './stage.ts';

setUpStage();

describe('a tool that needs an approval', () => {
  const wipe = (ran: string[]): Tool => ({
    name: 'wipe',
    description: 'Wipes a disk.',
    requiresApproval: true,
    run: async ({ disk }) => {
      ran.push(String(disk));
      return `wiped ${disk}`;
    },
  });
  const askForIt = () => mock.next({ kind: 'tools', calls: [{ name: 'wipe', arguments: '{"disk":"a"}' }] });
  const waits = (gateway: TestGateway, id: string) =>
    waitFor('the run to wait', async () => {
      const { body } = await call(gateway, 'GET', `/v1/runs/${id}`);
      return body.status === 'waiting_for_approval' && body;
    });

  it('parks the run until another replica is told to approve, and then runs', async () => {
    const ran: string[] = [];
    const [a, b] = [await start({ tools: [wipe(ran)] }), await start({ tools: [wipe(ran)] })];
    askForIt();
    const { id } = await create(a, 'wipe it');
    const waiting = await waits(b, id);
    expect(waiting.approvals).toMatchObject([{ name: 'wipe', arguments: '{"disk":"a"}' }]);
    expect(ran).toEqual([]);
    const approve = { body: { decision: 'approve' } };
    expect(await call(b, 'POST', `/v1/runs/${id}/approval`, approve)).toMatchObject({
      status: 200,
      body: { run_id: id },
    });
    expect(await ended(b, id)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual(['a']);
    expect((await events(b, id)).map(({ type }) => type)).toEqual(
      expect.arrayContaining(['approval.requested', 'approval.decided', 'tool.called', 'tool.completed']),
    );
    expect(await call(b, 'POST', `/v1/runs/${id}/approval`, approve)).toMatchObject({
      status: 409,
      body: { error: { code: 'approval_not_pending' } },
    });
  });

  it('shows each call as it is, also where the model gives two of them one id', async () => {
    const ran: string[] = [];
    const gateway = await start({ tools: [wipe(ran)] });
    const wants = (disk: string) =>
      ({ kind: 'tools', calls: [{ id: 'call_0', name: 'wipe', arguments: JSON.stringify({ disk }) }] }) as const;
    mock.next(wants('scratch'), wants('production'));
    const { id } = await create(gateway, 'wipe them');
    const decide = async (disk: string, decision: string) => {
      const { approvals } = await waitFor('the run to ask', async () => {
        const run = await waits(gateway, id);
        return run.approvals.some(({ arguments: written }) => String(written).includes(disk)) && run;
      });
      expect(approvals).toHaveLength(1);
      await call(gateway, 'POST', `/v1/runs/${id}/approval`, { body: { decision, call_id: approvals[0]?.call_id } });
      return approvals[0]?.call_id;
    };
    const first = await decide('scratch', 'approve');
    expect(await decide('production', 'deny')).not.toBe(first);
    expect(await ended(gateway, id)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual(['scratch']);
  });

  it('does not run when it is denied, and the model is told', async () => {
    const ran: string[] = [];
    const gateway = await start({ tools: [wipe(ran)] });
    askForIt();
    const { id } = await create(gateway, 'wipe it');
    await waits(gateway, id);
    await call(gateway, 'POST', `/v1/runs/${id}/approval`, { body: { decision: 'deny' } });
    expect(await ended(gateway, id)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual([]);
    expect(JSON.stringify(mock.requests[1]?.body.messages.at(-1))).toContain('not approved');
  });

  it('approves the call of its own run alone', async () => {
    const ran: string[] = [];
    const gateway = await start({ tools: [wipe(ran)] });
    mock.next(
      ...[1, 2].map(
        () => ({ kind: 'tools', calls: [{ id: 'same', name: 'wipe', arguments: '{"disk":"a"}' }] }) as const,
      ),
    );
    const [first, second] = [await create(gateway, 'one'), await create(gateway, 'two')];
    await waits(gateway, first.id);
    await waits(gateway, second.id);
    await call(gateway, 'POST', `/v1/runs/${first.id}/approval`, { body: { decision: 'approve', call_id: 'same' } });
    await ended(gateway, first.id);
    expect(ran).toHaveLength(1);
    expect((await waits(gateway, second.id)).status).toBe('waiting_for_approval');
    await call(gateway, 'POST', `/v1/runs/${second.id}/stop`);
    expect(await ended(gateway, second.id)).toMatchObject({ status: 'cancelled' });
    expect(ran).toHaveLength(1);
  });

  it('is denied when nobody decides in time', async () => {
    const ran: string[] = [];
    const gateway = await start({ tools: [wipe(ran)] });
    const { agents, ...rest } = served();
    await gateway.serve({
      ...rest,
      agents: agents.map((agent) => ({ ...agent, sessions: { approvalTimeoutSeconds: 1 } })),
    });
    askForIt();
    const { id } = await create(gateway, 'wipe it');
    expect(await ended(gateway, id)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual([]);
    expect(await state.rows('select status from approvals')).toEqual([{ status: 'expired' }]);
  });
});
