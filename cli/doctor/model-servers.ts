import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { type Finding, findings, roughly } from './finding.ts';
import type { ObjectFacts, StoredObject } from './objects.ts';
import { valueIn } from './reading.ts';

/** What the certificate of a model's server looks like from this machine. */
export interface ModelServerFacts {
  /** `host:port`. */
  readonly server: string;
  /** When it ends, Unix milliseconds; undefined when there is no trusted one. */
  readonly ends: number | undefined;
  /** Why there is none, such as `CERT_HAS_EXPIRED` or `ENOTFOUND`; '' otherwise. */
  readonly code: string;
}

const mostServers = 16;
const deadlineMs = 5_000;

/** Looks at the certificates of the servers that Agents name by baseURL; sends them nothing else. Never rejects. */
export async function gatherModelServers(kinds: ObjectFacts): Promise<readonly ModelServerFacts[]> {
  const agents = kinds.flatMap(({ kind, objects }) => (kind === 'Agent' ? (valueIn(objects) ?? []) : []));
  const servers = new Set(agents.flatMap(addressesOf).flatMap(serverIn));
  return await Promise.all([...servers].slice(0, mostServers).map(certificateOf));
}

/** Certificates that have expired, or soon will. A server that is not reached from here may well be from the cluster. */
export function judgeModelServers(servers: readonly ModelServerFacts[], nowMs: number): readonly Finding[] {
  const { ok, warn, fail } = findings('model servers');
  const cure = 'Renew it; until then the gateways refuse to send requests there.';
  const found = servers.flatMap(({ server, ends, code }) => {
    if (code === 'CERT_HAS_EXPIRED') return [fail(`The certificate of ${server} has expired.`, cure)];
    if (ends === undefined || ends - nowMs > soonMs) return [];
    return [warn(`The certificate of ${server} ends in ${roughly(ends - nowMs)}.`, cure)];
  });
  const seen = servers.filter(({ ends }) => ends !== undefined).length;
  return found.length === 0 && seen > 0
    ? [ok(`${seen} with valid certificates, as far as they are reached from here`)]
    : found;
}

const soonMs = 14 * 86_400_000;

function addressesOf({ spec }: StoredObject): readonly string[] {
  const models = [spec?.model, ...(spec?.model?.fallbacks ?? [])];
  return models.flatMap((model) => (model?.baseURL === undefined ? [] : [model.baseURL]));
}

function serverIn(address: string): readonly string[] {
  const url = URL.parse(address);
  return url?.protocol === 'https:' ? [`${url.hostname}:${url.port || '443'}`] : [];
}

async function certificateOf(server: string): Promise<ModelServerFacts> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(server) ?? [];
  const { promise, resolve } = Promise.withResolvers<ModelServerFacts>();
  const bare = host.replace(/^\[|\]$/g, '');
  const socket = connect({ host: bare, port: Number(port), servername: isIP(bare) === 0 ? bare : '' });
  const give = (facts: Omit<ModelServerFacts, 'server'>) => {
    socket.destroy();
    resolve({ server, ...facts });
  };
  socket.setTimeout(deadlineMs, () => give({ ends: undefined, code: 'ETIMEDOUT' }));
  socket.once('error', (error: NodeJS.ErrnoException) => give({ ends: undefined, code: error.code ?? '' }));
  socket.once('secureConnect', () => give({ ends: Date.parse(socket.getPeerCertificate().valid_to), code: '' }));
  return await promise;
}
