import type { ConditionReason } from '../../core/conditions.ts';
import type { AgentEntry, GatewayKeyEntry, JobEntry, RouteEntry } from '../../core/snapshot/schema.ts';
import type { AgentVolume, ConfigMapResource, Rejection, SecretResource } from '../resources.ts';

export type Entry = AgentEntry | RouteEntry | JobEntry | GatewayKeyEntry;

/** What the snapshot could hold for one object, with all that it brings along. */
export interface Candidate<E extends Entry> {
  /** undefined: the object stays out. */
  readonly entry: E | undefined;
  /** The texts that the entry names. */
  readonly texts: readonly Text[];
  readonly credentials: readonly WantedCredential[];
  /** References of the entry that dangle; the first gives the condition its reason. */
  readonly problems: readonly Problem[];
}

export interface Text {
  readonly hash: string;
  readonly text: string;
}

/** One value that the credentials shards must hold. */
export interface WantedCredential {
  readonly name: string;
  /** undefined: the value that already has this name stays, because its source is gone. Never log it. */
  readonly value: string | undefined;
}

/** Why a reference cannot be used, and the cure. */
export interface Problem {
  readonly reason: ConditionReason<'ResolvedRefs'>;
  readonly message: string;
}

/** What one object gets when there is room. */
export interface Choice<E extends Entry> {
  readonly candidate: Candidate<E>;
  /** Why the newest generation is not accepted; `candidate` is then of an older one. */
  readonly rejection: Rejection | undefined;
  /** The newest generation as it would be; absent when it cannot be read. */
  readonly fresh: Candidate<E>;
}

/**
 * How objects of one kind become entries. Both functions give the same value while nothing they read changes. They are methods
 * because a list of proposals of all kinds needs parameters that are bivariant; each gets only objects of its own kind.
 */
export interface KindRules<D, E extends Entry> {
  choose(declared: D, lookups: SourceLookups): Choice<E>;
  /** What an object gets when there is no room for its choice: what is published of it, or nothing. */
  fallback(declared: D, lookups: SourceLookups): Candidate<E>;
}

/** What an entry is made from besides its own object. */
export type SourceLookups = {
  readonly secret: (name: string) => SecretResource | undefined;
  readonly configMap: (name: string) => ConfigMapResource | undefined;
  /** By the name of the Agent; undefined: it has asked for none, or there is no cluster. */
  readonly volume: (agent: string) => AgentVolume | undefined;
  readonly publishedAgent: (uid: string) => AgentEntry | undefined;
  readonly publishedRoute: (uid: string) => RouteEntry | undefined;
  readonly publishedJob: (uid: string) => JobEntry | undefined;
  readonly publishedKey: (uid: string) => GatewayKeyEntry | undefined;
  /** By hash. */
  readonly publishedText: (hash: string) => string | undefined;
  /** See `credentialName`; its argument has no meaning. */
  readonly versionKey: (nothing: string) => string;
};

/** The candidate of an object that stays out of the snapshot. */
export const absent = { entry: undefined, texts: [], credentials: [], problems: [] } as const;
