import { randomBytes } from 'node:crypto';
import type { Change } from '../core/kube/object-store.ts';
import { type Secret, secrets } from '../core/kube/resources.ts';
import {
  credentialShardCount,
  credentialShardName,
  credentialShardOf,
  logicalCredentialName,
} from '../core/snapshot/names.ts';
import { createOwnObjects, type OwnObjectsOptions } from './own-objects.ts';
import type { WantedCredential } from './translate/candidate.ts';

/**
 * The Secrets `talaria-credentials-00` to `-15`, which hold the values that a snapshot names. First `add` what the next
 * snapshot names, then publish it, then `prune` what it no longer names once every live gateway has acknowledged it.
 */
export interface CredentialShards {
  /** Reads the shards. Call it before all else, and after a write that found something else than we know. */
  readonly load: () => Promise<void>;
  /** The key that versions are made with; a new one when no shard held one. */
  readonly versionKey: () => string;
  /** Adds values and mends what somebody edited; removes nothing. Writes nothing when all is there. */
  readonly add: (wanted: readonly WantedCredential[]) => Promise<void>;
  /** After `add`: whether there is a value that `wanted`, in which each name stands once, does not name. */
  readonly hasSurplus: (wanted: readonly WantedCredential[]) => boolean;
  /** Removes every value that `wanted` does not name. */
  readonly prune: (wanted: readonly WantedCredential[]) => Promise<void>;
  /** Takes a change of a Secret; true when `add` has to look at it. */
  readonly observe: (change: Change<Secret>) => boolean;
}

/** The names of all shards. */
export const shardNames: readonly string[] = Array.from({ length: credentialShardCount }, (_, shard) =>
  credentialShardName(shard),
);

export function createCredentialShards(
  options: Omit<OwnObjectsOptions<Secret>, 'resource' | 'names'>,
): CredentialShards {
  const objects = createOwnObjects({ ...options, resource: secrets, names: shardNames });
  let versionKey = '';

  const valuesOf = (shard: number): Values => valuesIn(objects.get(credentialShardName(shard)));

  const write = async (shard: number, values: Values): Promise<void> => {
    const key = shard === 0 ? [[versionKeyName, encode(versionKey)]] : [];
    await objects.write(credentialShardName(shard), { type: 'Opaque', data: Object.fromEntries([...key, ...values]) });
  };

  /** Without the version key the names of a later process would all be new ones. */
  const keepVersionKey = async (): Promise<void> => {
    const stored = objects.get(credentialShardName(0))?.data?.[versionKeyName];
    if (stored !== encode(versionKey)) await write(0, valuesOf(0));
  };

  return {
    observe: objects.observe,
    versionKey: () => versionKey,
    load: async () => {
      await objects.load();
      const stored = objects.get(credentialShardName(0))?.data?.[versionKeyName];
      if (versionKey === '') versionKey = stored === undefined ? randomBytes(32).toString('hex') : decode(stored);
    },
    add: async (wanted) => {
      await objects.refresh();
      if (wanted.length > 0) await keepVersionKey();
      const missing = wanted.filter((credential) => !isStored(credential, valuesOf(shardOf(credential))));
      await Promise.all(
        [...Map.groupBy(missing, shardOf)].map(([shard, added]) =>
          write(shard, new Map([...valuesOf(shard), ...added.map(storedForm)])),
        ),
      );
    },
    hasSurplus: (wanted) => shards.reduce((sum, shard) => sum + valuesOf(shard).size, 0) > wanted.length,
    prune: async (wanted) => {
      const names = new Set(wanted.map(({ name }) => name));
      await Promise.all(
        shards.map(async (shard) => {
          const values = valuesOf(shard);
          const needed = new Map([...values].filter(([name]) => names.has(name)));
          if (needed.size < values.size) await write(shard, needed);
        }),
      );
    },
  };
}

/** Names of values have a dot; this one has none. */
const versionKeyName = 'version-key';

const shards: readonly number[] = Array.from({ length: credentialShardCount }, (_, shard) => shard);

const shardOfCredential = new WeakMap<WantedCredential, number>();

function shardOf(wanted: WantedCredential): number {
  const known = shardOfCredential.get(wanted);
  if (known !== undefined) return known;
  const shard = credentialShardOf(logicalCredentialName(wanted.name));
  shardOfCredential.set(wanted, shard);
  return shard;
}

/** Base64 values of one shard by name. */
type Values = ReadonlyMap<string, string>;

const valuesOfSecret = new WeakMap<Secret, Values>();
const noValues: Values = new Map();

function valuesIn(secret: Secret | undefined): Values {
  if (secret === undefined) return noValues;
  const known = valuesOfSecret.get(secret);
  if (known !== undefined) return known;
  const values = new Map(Object.entries(secret.data ?? {}).filter(([name]) => name !== versionKeyName));
  valuesOfSecret.set(secret, values);
  return values;
}

const foundIn = new WeakMap<WantedCredential, Values>();

/** Remembered for as long as neither the credential nor the shard is another object: there are thousands at each loop. */
function isStored(wanted: WantedCredential, values: Values): boolean {
  if (foundIn.get(wanted) === values) return true;
  const stored = values.get(wanted.name);
  if (stored === undefined || (wanted.value !== undefined && stored !== encode(wanted.value))) return false;
  foundIn.set(wanted, values);
  return true;
}

/** A value that is gone for good becomes one that nothing matches: gateways wait for every name that a snapshot has. */
function storedForm({ name, value }: WantedCredential): readonly [string, string] {
  return [name, encode(value ?? randomBytes(32).toString('hex'))];
}

function encode(value: string): string {
  return Buffer.from(value).toString('base64');
}

function decode(value: string): string {
  return Buffer.from(value, 'base64').toString();
}
