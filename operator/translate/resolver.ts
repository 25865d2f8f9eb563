import { sha256 } from '../../core/lib/hash.ts';
import type { EntryOrigin } from '../../core/snapshot/schema.ts';
import type { Candidate, Problem, SourceLookups, Text, WantedCredential } from './candidate.ts';
import { credentialName } from './credential-name.ts';
import { type Found, findCredential, findSecret, findText, type SecretUse } from './references.ts';

/** Fills the places of one entry from ConfigMaps and Secrets, and collects what that brings along. */
export interface Resolver {
  /** Hash of the text at `place`: of its ConfigMap when it has one, else `hash`, which `textOf` knows. */
  readonly text: (place: string, hash: string) => string;
  /** Name of the one value at `place`; undefined when the place has no source or it cannot be used. */
  readonly credential: (place: string, purpose: string, use: SecretUse) => string | undefined;
  /** Every key of the Secret at `place` -> credential name. */
  readonly credentialsByKey: (place: string, purpose: string, use: SecretUse) => Readonly<Record<string, string>>;
  /** Names of `key` and, during a rotation, of `previousKey` of the Secret at `place`; `stored` gives what is kept. */
  readonly rotatingKey: (
    place: string,
    purpose: string,
    use: SecretUse,
    stored: (value: string) => string,
  ) => readonly string[];
  /** What was collected so far. */
  readonly collected: () => Omit<Candidate<never>, 'entry'>;
}

export interface ResolverOptions {
  /** First part of every credential name. */
  readonly owner: string;
  readonly namespace: string;
  readonly sources: EntryOrigin['sources'];
  readonly lookups: SourceLookups;
  /** Texts that no ConfigMap gives: those of the spec, or those of the published entry. */
  readonly textOf: (hash: string) => string | undefined;
  /** True: texts stay as they are, and ConfigMaps are not asked. */
  readonly keepTexts?: boolean;
  /** One text of a ConfigMap, in bytes. */
  readonly maxTextBytes?: number;
}

/** Hash of the text that stands where a text could not be had. */
export const emptyTextHash = sha256('');

export function createResolver(options: ResolverOptions): Resolver {
  const { owner, sources, lookups, namespace } = options;
  const problems: Problem[] = [];
  const texts: Text[] = [];
  const credentials: WantedCredential[] = [];

  const orReport = <T>(place: string, found: Found<T>): T | undefined => {
    if ('value' in found) return found.value;
    problems.push({ reason: found.problem.reason, message: `${place}: ${found.problem.message}` });
    return undefined;
  };

  const want = (purpose: string, value: string): string => {
    const name = credentialName(lookups.versionKey(''), `${owner}.${purpose}`, value);
    credentials.push({ name, value });
    return name;
  };

  const secretAt = (place: string, use: SecretUse) => {
    const [name] = splitSource(sources[place]);
    return name === undefined ? undefined : orReport(place, findSecret(name, use, lookups));
  };

  const useText = (text: string): string => {
    const hash = sha256(text);
    texts.push({ hash, text });
    return hash;
  };

  const fromConfigMap = (place: string): string | undefined => {
    const [name, key] = splitSource(sources[place]);
    if (name === undefined || key === undefined || options.keepTexts) return undefined;
    const text = orReport(place, findText(name, key, namespace, lookups));
    const maxBytes = options.maxTextBytes;
    if (text === undefined || maxBytes === undefined || Buffer.byteLength(text) <= maxBytes) return text;
    const message = `${place}: key "${key}" of ConfigMap "${name}" has more than ${maxBytes} bytes; shorten it`;
    problems.push({ reason: 'ValueTooLarge', message });
    return undefined;
  };

  return {
    text: (place, hash) => useText(fromConfigMap(place) ?? options.textOf(hash) ?? ''),
    credential: (place, purpose, use) => {
      const [, key = 'key'] = splitSource(sources[place]);
      const secret = secretAt(place, use);
      const value = secret && orReport(place, findCredential(secret, key));
      return value === undefined ? undefined : want(purpose, value);
    },
    credentialsByKey: (place, purpose, use) => {
      const secret = secretAt(place, use);
      const named = Object.keys(secret?.data ?? {})
        .sort()
        .flatMap((key): [string, string][] => {
          const value = secret && orReport(place, findCredential(secret, key));
          return value === undefined ? [] : [[key, want(`${purpose}.${key}`, value)]];
        });
      return Object.fromEntries(named);
    },
    rotatingKey: (place, purpose, use, stored) => {
      const secret = secretAt(place, use);
      const current = secret && orReport(place, findCredential(secret, 'key'));
      if (secret === undefined || current === undefined) return [];
      const previous = secret.data.previousKey && orReport(place, findCredential(secret, 'previousKey'));
      const values = previous === undefined || previous === '' ? [current] : [current, previous];
      return values.map((value) => want(purpose, stored(value)));
    },
    collected: () => ({ problems, texts, credentials }),
  };
}

/** `<object>/<key>`, or `<object>` alone. Neither can hold a slash. */
function splitSource(source: string | undefined): readonly [string | undefined, string | undefined] {
  if (source === undefined) return [undefined, undefined];
  const slash = source.indexOf('/');
  return slash === -1 ? [source, undefined] : [source.slice(0, slash), source.slice(slash + 1)];
}
