import type { ConfigMapResource, SecretResource } from '../resources.ts';
import type { Problem, SourceLookups } from './candidate.ts';

/** A value, or why there is none. */
export type Found<T> = { readonly value: T } | { readonly problem: Problem };

/** Who wants to use a Secret, and to which host its value would go; no host: it is compared here and sent nowhere. */
export interface SecretUse {
  readonly agent: string;
  readonly host: string | undefined;
}

/** One value of a Secret, in bytes of UTF-8. */
export const maxCredentialBytes = 16 * 1024;

/** A Secret that exists and whose owner lets this agent use it for this host. */
export function findSecret(name: string, use: SecretUse, lookups: SourceLookups): Found<SecretResource> {
  const secret = lookups.secret(name);
  if (secret === undefined) {
    return failed(
      'SecretNotFound',
      `Secret "${name}" does not exist in the namespace; create it and label it ${label}`,
    );
  }
  const problem = secretChecks.map((check) => check(secret, use)).find((found) => found !== undefined);
  return problem === undefined ? { value: secret } : { problem };
}

/** The text of one key of a Secret, without the line end that files have at theirs. */
export function findCredential(secret: SecretResource, key: string): Found<string> {
  const encoded = ownValue(secret.data, key);
  if (encoded === undefined) {
    const keys = Object.keys(secret.data).sort().join(', ');
    return failed('SecretKeyNotFound', `Secret "${secret.name}" has no key "${key}"; its keys: ${keys || 'none'}`);
  }
  const bytes = Buffer.from(encoded, 'base64');
  const where = `key "${key}" of Secret "${secret.name}"`;
  if (bytes.length > maxCredentialBytes) {
    return failed('ValueTooLarge', `${where} has ${bytes.length} bytes; ${maxCredentialBytes} are allowed`);
  }
  const value = bytes.toString('utf8').replace(/[\r\n]+$/, '');
  if (value === '') return failed('SecretKeyNotFound', `${where} is empty`);
  if (value.includes('\uFFFD')) return failed('SecretKeyNotFound', `${where} is not text`);
  return { value };
}

/** The text of one key of a labelled ConfigMap. */
export function findText(name: string, key: string, namespace: string, lookups: SourceLookups): Found<string> {
  const configMap = lookups.configMap(name);
  const problem = configMapProblem(name, configMap, namespace);
  if (problem !== undefined) return { problem };
  const value = ownValue(configMap?.data ?? {}, key);
  if (value !== undefined) return { value };
  const keys = Object.keys(configMap?.data ?? {})
    .sort()
    .join(', ');
  return failed('ConfigMapKeyNotFound', `ConfigMap "${name}" has no key "${key}"; its keys: ${keys || 'none'}`);
}

const label = 'talaria.dev/credentials=true';

type SecretCheck = (secret: SecretResource, use: SecretUse) => Problem | undefined;

const secretChecks: readonly SecretCheck[] = [
  function isLabelled(secret) {
    if (secret.credentials) return undefined;
    const cure = `kubectl label secret ${secret.name} -n ${secret.namespace} ${label}`;
    return {
      reason: 'SecretNotLabeled',
      message: `Secret "${secret.name}" is not labelled for use; its owner runs: ${cure}`,
    };
  },
  function allowsAgent(secret, { agent }) {
    const allowed = annotated(secret, 'allowed-agents');
    if (allowed === undefined || allowed.includes(agent)) return undefined;
    return notAllowed(secret, 'allowed-agents', `the Agent "${agent}"`);
  },
  function allowsHost(secret, { host }) {
    const allowed = annotated(secret, 'allowed-hosts')?.map((name) => name.toLowerCase());
    if (allowed === undefined || host === undefined) return undefined;
    const withoutPort = host.replace(/:\d+$/, '');
    if (allowed.includes(host) || allowed.includes(withoutPort)) return undefined;
    return notAllowed(secret, 'allowed-hosts', `the host "${host}"`);
  },
];

function notAllowed(secret: SecretResource, annotation: string, what: string): Problem {
  const message = `Secret "${secret.name}" may not be used for ${what}; its owner adds it to the annotation talaria.dev/${annotation}`;
  return { reason: 'SecretNotAllowed', message };
}

/** The names in an annotation, separated by commas or spaces; undefined when the annotation is absent. */
export function annotated(secret: SecretResource, name: string): readonly string[] | undefined {
  return secret.annotations[name]?.split(/[\s,]+/).filter((part) => part !== '');
}

function configMapProblem(
  name: string,
  configMap: ConfigMapResource | undefined,
  namespace: string,
): Problem | undefined {
  const cure = `kubectl label configmap ${name} -n ${namespace} talaria.dev/source=true`;
  if (configMap === undefined) {
    const message = `ConfigMap "${name}" does not exist in the namespace; create it and label it talaria.dev/source=true`;
    return { reason: 'ConfigMapNotFound', message };
  }
  if (configMap.source) return undefined;
  return { reason: 'ConfigMapNotLabeled', message: `ConfigMap "${name}" is not labelled for use; run: ${cure}` };
}

/** Keys are chosen by authors: `constructor` is one, and every object of JavaScript has it. */
function ownValue(data: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined;
}

function failed(reason: Problem['reason'], message: string): { readonly problem: Problem } {
  return { problem: { reason, message } };
}
