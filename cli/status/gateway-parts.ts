import { complaintText } from '../complaints.ts';
import type { AdminClient } from '../remote/admin-client.ts';
import { counted, type Part } from './part.ts';

/** What a gateway says of itself and of all that it serves. */
export async function gatewayParts(client: AdminClient): Promise<readonly Part[]> {
  const { revision, sequence } = await client.snapshot();
  return [
    { name: 'Gateway', summary: `serves revision ${revision.slice(0, 12)}, sequence ${sequence}`, troubles: [] },
    ...(await agentParts(client)),
    await jobsPart(client),
    await deliveriesPart(client),
  ];
}

async function agentParts({ agents }: AdminClient): Promise<readonly Part[]> {
  const { entries } = await agents.list({}, 0);
  const refused = entries.filter((agent) => agent.refused_with === 'agent_not_ready');
  const accounts = entries.flatMap((agent) => agent.accounts.map((account) => ({ ...account, agent: agent.name })));
  const broken = accounts.filter(({ ready }) => ready === false);
  return [
    {
      name: 'Agents',
      summary: counted(entries.length, 'served', refused.length, 'not ready'),
      troubles: refused.map(({ name, refused_reason: reason }) =>
        complaintText(`${name} is not ready: ${reason}`, { reason: reason ?? '', message: '' }),
      ),
    },
    {
      name: 'Accounts',
      summary: counted(accounts.length, 'served', broken.length, 'not ready'),
      troubles: broken.map(({ agent, name, message }) => `${agent}/${name}: ${message}`),
    },
  ];
}

async function jobsPart({ jobs }: AdminClient): Promise<Part> {
  const { entries } = await jobs.list({}, 0);
  const failing = entries.filter((job) => job.consecutive_failures > 0 || job.paused === 'Failures');
  const resting = entries.filter(({ suspended, paused }) => suspended || paused === 'Manual').length;
  const scheduled = counted(entries.length - resting, 'scheduled', failing.length, 'failing');
  return {
    name: 'CronJobs',
    summary: resting === 0 ? scheduled : `${scheduled}, ${resting} suspended or paused by hand`,
    troubles: failing.map(({ name, consecutive_failures: failures, paused }) => {
      const state = paused === 'Failures' ? 'is paused after' : 'has had';
      return `${name} ${state} ${failures} failures in a row; talaria jobs show ${name}`;
    }),
  };
}

const mostDeliveries = 100;

/** What runs sent that a person has to look at. */
export async function deliveriesPart({ deliveries }: AdminClient): Promise<Part> {
  const [dead, ambiguous] = await Promise.all(
    ['dead', 'ambiguous'].map((status) => deliveries.list({ status }, mostDeliveries)),
  );
  const count = (listing: typeof dead) => `${listing?.entries.length ?? 0}${listing?.hasMore ? ' or more' : ''}`;
  const trouble = (listing: typeof dead, status: string) =>
    (listing?.entries.length ?? 0) === 0
      ? []
      : [`${count(listing)} ${status}; talaria deliveries list --status ${status}`];
  return {
    name: 'Deliveries',
    summary: `${count(dead)} dead, ${count(ambiguous)} ambiguous`,
    troubles: [...trouble(dead, 'dead'), ...trouble(ambiguous, 'ambiguous')],
  };
}
