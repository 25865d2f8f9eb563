import { sha256 } from '../../core/lib/hash.ts';
import type { GatewayKeyEntry } from '../../core/snapshot/schema.ts';
import type { Rejection, SecretResource } from '../resources.ts';
import { absent, type Candidate, type KindRules, type SourceLookups, type WantedCredential } from './candidate.ts';
import { credentialName } from './credential-name.ts';
import { memoised } from './memo.ts';
import { annotated, findCredential } from './references.ts';

/** A gateway key has what its Secret says when all of that is valid, else its last good form with the values of now. */
export const keyRules: KindRules<SecretResource, GatewayKeyEntry> = {
  choose: memoised((secret: SecretResource, lookups: SourceLookups) => {
    const fault = gatewayKeyFault(secret);
    if (fault === undefined) {
      const fresh = freshKey(secret, lookups);
      return { candidate: fresh, rejection: undefined, fresh };
    }
    const rejection: Rejection = { reason: 'InvalidSpec', message: fault };
    return { candidate: publishedKey(secret, lookups), rejection, fresh: absent };
  }),
  fallback: memoised(publishedKey),
};

/** Why the Secret of a gateway key is not accepted, with the cure; undefined when it is. */
export function gatewayKeyFault(secret: SecretResource): string | undefined {
  return keyChecks.map((check) => check(secret)).find((found) => found !== undefined);
}

function freshKey(secret: SecretResource, lookups: SourceLookups): Candidate<GatewayKeyEntry> {
  const credentials = keyCredentials(secret, lookups);
  const { uid, name, annotations } = secret;
  const entry: GatewayKeyEntry = {
    name,
    uid,
    agents: (annotated(secret, 'agents') ?? []).toSorted(),
    role: annotations.role === 'admin' ? 'admin' : 'client',
    deliver: annotations.deliver === 'true',
    credentials: credentials.map((credential) => credential.name),
  };
  return { ...absent, entry, credentials };
}

/** What is published of a key, with the values that its Secret holds now, or those that it held. */
function publishedKey(secret: SecretResource, lookups: SourceLookups): Candidate<GatewayKeyEntry> {
  const published = lookups.publishedKey(secret.uid);
  if (published === undefined) return absent;
  const live = keyCredentials(secret, lookups);
  const credentials = live.length > 0 ? live : published.credentials.map((name) => ({ name, value: undefined }));
  return { ...absent, entry: { ...published, credentials: credentials.map(({ name }) => name) }, credentials };
}

const keyChecks: readonly ((secret: SecretResource) => string | undefined)[] = [
  function hasKey(secret) {
    const found = findCredential(secret, 'key');
    return 'problem' in found ? found.problem.message : undefined;
  },
  function hasUsablePreviousKey(secret) {
    if (secret.data.previousKey === undefined || secret.data.previousKey === '') return undefined;
    const found = findCredential(secret, 'previousKey');
    return 'problem' in found ? found.problem.message : undefined;
  },
  function namesAgents(secret) {
    const agents = annotated(secret, 'agents') ?? [];
    const cure = 'list the Agents that the key may call, or *';
    if (agents.length === 0) return `annotation talaria.dev/agents names no Agent; ${cure}`;
    if (agents.length > 1 && agents.includes('*')) return `annotation talaria.dev/agents has * and names; ${cure}`;
    const odd = agents.find((name) => name !== '*' && !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name));
    return odd === undefined ? undefined : `annotation talaria.dev/agents has "${odd}", no name of an Agent; ${cure}`;
  },
  function hasRole({ annotations: { role } }) {
    if (role === undefined || role === 'client' || role === 'admin') return undefined;
    return `annotation talaria.dev/role is "${role}"; write client or admin`;
  },
  function hasDeliver({ annotations: { deliver } }) {
    if (deliver === undefined || deliver === 'true' || deliver === 'false') return undefined;
    return `annotation talaria.dev/deliver is "${deliver}"; write true or false`;
  },
];

/** SHA-256 of the key and, during a rotation, of the key before it; none when the key cannot be read. */
function keyCredentials(secret: SecretResource, lookups: SourceLookups): readonly WantedCredential[] {
  const values = ['key', 'previousKey'].map((key) => findCredential(secret, key));
  const [current] = values;
  if (current === undefined || 'problem' in current) return [];
  return values.flatMap((found) => {
    if ('problem' in found) return [];
    const value = sha256(found.value);
    return [{ name: credentialName(lookups.versionKey(''), `${secret.name}.gateway-key`, value), value }];
  });
}
