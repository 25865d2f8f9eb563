import { after, done, type Outcome } from '../core/kube/controller.ts';
import { hasStatus, KubeError } from '../core/kube/kube-error.ts';
import type { Logger } from '../core/lib/log.ts';
import type { SnapshotContent } from '../core/snapshot/schema.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import type { CredentialShards } from './credentials.ts';
import { type LostEntry, lostEntries } from './lost-entries.ts';
import type { ProgrammingLedger } from './programming.ts';
import type { Publication, Publisher } from './publish.ts';
import type { Rejection, Resources } from './resources.ts';
import type { WantedCredential } from './translate/candidate.ts';
import type { Compilation } from './translate/compilation.ts';
import { compile } from './translate/compile.ts';
import type { Published } from './translate/published.ts';

/** One pass over the namespace: gather, compile, publish. What is to be said about each object comes later. */
export interface NamespaceLoop {
  readonly run: (signal: AbortSignal) => Promise<Outcome>;
  /** What this process has published or found published; undefined before the first pass. */
  readonly publication: () => Publication | undefined;
  /** Whether old credentials wait for acknowledgements: then each of them needs a pass. */
  readonly awaitsAcknowledgements: () => boolean;
}

export interface NamespaceLoopOptions {
  /** Called before the first pass of a leader. Resolves when the copies of the namespace are complete. */
  readonly prepare: (signal: AbortSignal) => Promise<void>;
  /** Is given what is published. */
  readonly gather: (published: SnapshotContent) => Promise<Resources>;
  readonly publisher: Publisher;
  readonly shards: CredentialShards;
  readonly acknowledgements: Pick<Acknowledgements, 'byAll'>;
  readonly ledger: Pick<ProgrammingLedger, 'published'>;
  /** Makes sure at the API server that we still lead. Rejects when we do not. */
  readonly confirmLeadership: () => Promise<void>;
  /** Called after each publish, also when it had nothing to write; `publication` still gives what was before. */
  readonly onPublished: (publication: Publication, startedAt: number) => void;
  /** Called after a publish that wrote, with what was published before. */
  readonly onChanged: (before: SnapshotContent, after: SnapshotContent, publication: Publication) => void;
  /** What was decided about each object, after each publish. */
  readonly onCompiled: (compilation: Compilation) => void;
  /** Objects that are out of service because what was published of them is damaged. */
  readonly onLost: (lost: readonly LostEntry[]) => void;
  readonly monotonic: () => number;
  readonly log: Logger;
}

/** What no retry at once can cure is tried again after this long. */
const hopelessRetryMs = 30_000;

export function createNamespaceLoop(options: NamespaceLoopOptions): NamespaceLoop {
  const { publisher, shards, acknowledgements, ledger, log } = options;
  let published: Published | undefined;
  let publication: Publication | undefined;
  let previous: Compilation | undefined;
  let surplus = false;
  const toldFaults = new WeakSet<Rejection>();
  let isUnreadable = (_uid: string) => false;

  /** The first pass of a leader: what is published, so that last good entries stay and nothing is written anew. */
  const load = async (signal: AbortSignal): Promise<Published> => {
    await options.prepare(signal);
    const [found] = await Promise.all([publisher.load(), shards.load()]);
    await publisher.claim();
    if (found.publication !== undefined) ledger.published(found.content, found.publication.sequence);
    publication = found.publication;
    isUnreadable = found.isUnreadable;
    return { content: found.content, versionKey: shards.versionKey(), isCopy: true };
  };

  const pass = async (signal: AbortSignal): Promise<void> => {
    published ??= await load(signal);
    const startedAt = options.monotonic();
    const compilation = compile(await options.gather(published.content), published, previous);
    previous = compilation;
    const { content, credentials } = compilation;
    await shards.add(credentials);
    const current = await publisher.publish(content);
    const before = published.content;
    published = { versionKey: published.versionKey, content };
    ledger.published(content, current.sequence);
    options.onPublished(current, startedAt);
    if (current.sequence !== publication?.sequence) options.onChanged(before, content, current);
    publication = current;
    options.onCompiled(compilation);
    tellLost(compilation);
    tellFaults(compilation);
    await prune(credentials, current.sequence);
  };

  /** Once, by the first pass of a leader that found a damaged snapshot. */
  const tellLost = (compilation: Compilation): void => {
    const lost = lostEntries(compilation, isUnreadable);
    isUnreadable = () => false;
    if (lost.length === 0) return;
    const objects = lost.map(({ kind, name }) => `${kind}/${name}`);
    log.error(
      { objects },
      'the last good generation of objects that are not accepted was lost with a damaged snapshot',
    );
    options.onLost(lost);
  };

  /** Each once, for it is the same from pass to pass while the object and what it refers to are. */
  const tellFaults = ({ agents, routes, cronJobs, keys }: Compilation): void => {
    for (const { declared, rejection } of [agents, routes, cronJobs, keys].flat()) {
      if (rejection?.fault === undefined || toldFaults.has(rejection)) continue;
      toldFaults.add(rejection);
      const kind = 'kind' in declared ? declared.kind : 'Secret';
      log.error({ kind, name: declared.name, where: rejection.fault }, 'the operator failed on an object');
    }
  };

  /** Old values go once no live gateway can still name them. */
  const prune = async (wanted: readonly WantedCredential[], sequence: number): Promise<void> => {
    surplus = shards.hasSurplus(wanted);
    if (!surplus || (acknowledgements.byAll() ?? sequence) < sequence) return;
    await shards.prune(wanted);
    surplus = false;
  };

  return {
    publication: () => publication,
    awaitsAcknowledgements: () => surplus,
    run: async (signal) => {
      try {
        await pass(signal);
        return done;
      } catch (error) {
        if (hasStatus(error, 409)) return await lookAgain(error);
        if (!(error instanceof KubeError) || !error.terminal) throw error;
        log.error({ err: error }, 'the API server refuses what is to be published');
        return after(hopelessRetryMs);
      }
    },
  };

  /** Somebody else wrote what only the leader writes: another leader, or a person. */
  async function lookAgain(error: KubeError): Promise<Outcome> {
    log.warn({ err: error }, 'an object was not as we knew it, reading it again');
    await options.confirmLeadership();
    await Promise.all([publisher.reload(), shards.load()]);
    return after(0);
  }
}
