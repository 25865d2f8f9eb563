import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Secret, secrets } from '../../core/kube/resources.ts';
import type { CallOptions, KubeClient } from '../../core/kube/types.ts';
import { SnapshotRejected } from '../../core/snapshot/decode.ts';
import { credentialShardName, credentialShardOf, logicalCredentialName } from '../../core/snapshot/names.ts';
import type { HeldBuckets } from './load-buckets.ts';

/** Credential name -> value. */
export type Credentials = ReadonlyMap<string, string>;

/**
 * The credentials that the buckets name, and no others: those in `held` are taken over (a changed value has a changed
 * name), the others are read. Throws SnapshotRejected when one is nowhere; its name is in the message, never a value.
 */
export async function loadCredentials(
  buckets: HeldBuckets,
  held: Credentials,
  read: (names: readonly string[]) => Promise<Credentials>,
): Promise<Credentials> {
  const needed = new Set([...buckets.values()].flatMap((bucket) => bucket.credentials));
  const wanted = [...needed].filter((name) => !held.has(name));
  const fresh = wanted.length === 0 ? held : await read(wanted);
  const credentials = new Map<string, string>();
  for (const name of needed) {
    const value = held.get(name) ?? fresh.get(name);
    if (value === undefined) throw new SnapshotRejected('missing_credential', `the credential ${name} is missing`);
    credentials.set(name, value);
  }
  return credentials;
}

/** Reads the shards in which these names lie, all at the same time; gives everything found there. */
export async function readShards(
  client: Pick<KubeClient, 'get'>,
  names: readonly string[],
  call: CallOptions,
): Promise<Credentials> {
  const shards = new Set(names.map((name) => credentialShardOf(logicalCredentialName(name))));
  const found = await Promise.all([...shards].map((shard) => client.get(secrets, credentialShardName(shard), call)));
  return new Map(found.flatMap(valuesOf));
}

/** Reads the files of these names in the folder where the shards are mounted; a missing one is left out. */
export async function readMounted(folder: string, names: readonly string[]): Promise<Credentials> {
  const found = await Promise.all(
    names.map(async (name): Promise<[string, string][]> => {
      // Names come from a verified snapshot; the check keeps a forged one inside the folder all the same.
      if (path.basename(name) !== name) return [];
      const value = await readFile(path.join(folder, name), 'utf8').catch(() => undefined);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return new Map(found.flat());
}

function valuesOf(shard: Secret | undefined): [string, string][] {
  return Object.entries(shard?.data ?? {}).map(([name, value]) => [
    name,
    Buffer.from(value, 'base64').toString('utf8'),
  ]);
}
