import type { DeliveryObject } from '../../gateway/ingress/admin/delivery-object.ts';
import type { JobObject } from '../../gateway/ingress/admin/job-object.ts';
import { cureOf } from '../complaints.ts';
import type { AdminClient } from '../remote/admin-client.ts';
import { GatewayUnreachable } from '../remote/failures.ts';
import { createSender, deadlineMs, type GatewayAddress, readJson, reasonOf } from '../remote/gateway-request.ts';
import type { Readiness } from './database.ts';
import { type Finding, findings, sentence } from './finding.ts';
import { type Failure, type Reading, reading } from './reading.ts';

/** What one gateway says over HTTP. */
export interface GatewayFacts {
  readonly readiness: Reading<Readiness>;
  /** What could not be sent, or may not have arrived; at most `mostShown` of each. */
  readonly dead: Reading<readonly DeliveryObject[]>;
  readonly ambiguous: Reading<readonly DeliveryObject[]>;
}

/** What a gateway without a cluster says besides, where no object has conditions. */
export interface StandaloneFacts {
  readonly agents: Reading<
    readonly { readonly name: string; readonly refuse?: string; readonly refuseReason?: string }[]
  >;
  readonly jobs: Reading<readonly JobObject[]>;
}

const mostShown = 100;

/** Asks a gateway. Never rejects. */
export async function gatherGateway(address: GatewayAddress, { deliveries }: AdminClient): Promise<GatewayFacts> {
  const listed = (status: string) => reading(deliveries.list({ status }, mostShown).then(({ entries }) => entries));
  const [readiness, dead, ambiguous] = await Promise.all([
    reading(readReadiness(address)),
    listed('dead'),
    listed('ambiguous'),
  ]);
  return { readiness, dead, ambiguous };
}

/** Asks a gateway what an API server would say of its objects. Never rejects. */
export async function gatherStandalone(address: GatewayAddress, { jobs }: AdminClient): Promise<StandaloneFacts> {
  const send = createSender(address);
  const snapshot = async () => {
    const signal = AbortSignal.timeout(deadlineMs);
    const response = await send({ method: 'GET', path: '/admin/v1/snapshot', signal });
    return (
      await readJson<{ agents: { name: string; refuse?: string; refuseReason?: string }[] }>(response, address.url)
    ).agents;
  };
  const [agents, listed] = await Promise.all([
    reading(snapshot()),
    reading(jobs.list({}, 0).then(({ entries }) => entries)),
  ]);
  return { agents, jobs: listed };
}

/** A gateway that is not ready answers too, with 503. */
async function readReadiness({ url, failure }: GatewayAddress): Promise<Readiness> {
  const path = `${url.replace(/\/+$/, '')}/readyz`;
  const response = await fetch(path, { signal: AbortSignal.timeout(deadlineMs) }).catch((error: unknown) => {
    throw new GatewayUnreachable(url, failure?.() ?? reasonOf(error));
  });
  return await readJson<Readiness>(response, url);
}

/** Whether a gateway answers, takes the key, and has nothing that waits for a person. */
export function judgeGateway({ readiness, dead, ambiguous }: GatewayFacts): readonly Finding[] {
  const { ok, fail } = findings('answers');
  if ('failure' in readiness) {
    return [fail(sentence(readiness.failure.message), 'See whether it runs, and whether --gateway is right.')];
  }
  const { status } = readiness.value;
  const answers =
    status === 'ready'
      ? ok('the gateway is ready')
      : fail(`The gateway is not ready: ${status}.`, 'Its log says what it waits for.');
  return [answers, ...judgeDeliveries(dead, 'dead'), ...judgeDeliveries(ambiguous, 'ambiguous')];
}

function judgeDeliveries(found: Reading<readonly DeliveryObject[]>, status: 'dead' | 'ambiguous'): Finding[] {
  const { ok, warn } = findings('deliveries');
  if ('failure' in found) return status === 'dead' ? refused(found.failure) : [];
  const [newest] = found.value;
  if (newest === undefined) return status === 'dead' ? [ok('none is dead')] : [];
  const count = found.value.length === mostShown ? `${mostShown} or more` : String(found.value.length);
  const what = status === 'dead' ? 'were given up' : 'may or may not have arrived';
  const error = newest.last_error === null ? '' : `, the newest of ${newest.agent}: ${newest.last_error}`;
  return [
    warn(
      `${count} ${what}${error}.`,
      `See them with: talaria deliveries list --status ${status} -o wide; then retry or discard each.`,
    ),
  ];
}

/** Of the database the finding about it tells. */
function refused({ code, message }: Failure): Finding[] {
  const { fail, skipped } = findings('key');
  if (code === 'invalid_key' || code === 'no_keys_configured' || code === 'admin_required') {
    return [fail(`The gateway refuses the key: ${message}`, 'Give an admin key with --key or TALARIA_API_KEY.')];
  }
  return code === 'state_unavailable'
    ? []
    : [skipped(`Deliveries cannot be read: ${message}`, 'See the findings above.')];
}

/** Agents and CronJobs of a gateway without a cluster. */
export function judgeStandalone({ agents, jobs }: StandaloneFacts): readonly Finding[] {
  return [
    ...('failure' in agents ? [] : judgeAgents(agents.value)),
    ...('failure' in jobs ? [] : judgeJobs(jobs.value)),
  ];
}

const whereItSays = 'its conditions in the cluster, or what talaria dev printed, name the field';

function judgeAgents(
  agents: readonly { readonly name: string; readonly refuse?: string; readonly refuseReason?: string }[],
): Finding[] {
  const { ok, fail } = findings('Agents');
  const unready = agents.filter(({ refuse }) => refuse === 'agent_not_ready');
  if (unready.length === 0) return [ok(agents.length === 0 ? 'there are none' : `${agents.length}, all serving`)];
  return unready.map(({ name, refuseReason = 'not ready' }) =>
    fail(
      `Agent/${name} refuses all requests (${refuseReason}).`,
      [cureOf({ reason: refuseReason, message: '' }), whereItSays]
        .filter((part) => part !== '')
        .map(sentence)
        .join(' '),
    ),
  );
}

function judgeJobs(jobs: readonly JobObject[]): Finding[] {
  const { ok, warn } = findings('CronJobs');
  const failing = jobs.filter((job) => job.consecutive_failures > 0);
  if (failing.length === 0) return [ok(jobs.length === 0 ? 'there are none' : `${jobs.length}, none failing`)];
  return failing.map(({ name, consecutive_failures: failures }) =>
    warn(
      `CronJob/${name} failed ${failures} times in a row.`,
      `See why with: talaria runs list --job ${name} --status failed`,
    ),
  );
}
