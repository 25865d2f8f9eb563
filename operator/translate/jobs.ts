import type { DeliverTarget, EntryOrigin, JobEntry } from '../../core/snapshot/schema.ts';
import type { CronJob } from '../../crds/cron-job.ts';
import type { Declared } from '../resources.ts';
import { absent, type Candidate, type KindRules, type SourceLookups } from './candidate.ts';
import { memoised } from './memo.ts';
import { createResolver, type Resolver } from './resolver.ts';
import { textSources } from './text-sources.ts';

/** A prompt from a ConfigMap may have as much as an inline one, in bytes of UTF-8. */
export const maxPromptBytes = 64 * 1024;

/**
 * A CronJob runs its newest generation, or when that is not accepted, its last accepted one with Secrets and ConfigMaps
 * of now. `suspend` and `run-at` are always those of the object itself.
 */
export const jobRules: KindRules<Declared<CronJob>, JobEntry> = {
  choose: memoised((declared: Declared<CronJob>, lookups: SourceLookups) => {
    const fresh = freshJob(declared, lookups);
    const { rejection } = declared;
    const candidate = rejection === undefined ? fresh : keptJob(declared, lookups, { keepTexts: false });
    return { candidate, rejection, fresh };
  }),
  fallback: memoised((declared: Declared<CronJob>, lookups: SourceLookups) =>
    keptJob(declared, lookups, { keepTexts: true }),
  ),
};

function freshJob(declared: Declared<CronJob>, lookups: SourceLookups): Candidate<JobEntry> {
  const { spec } = declared;
  if (spec === undefined) return absent;
  const { entry, texts, sources } = plainEntry(declared, spec);
  return filled(declared, entry, { owner: entry.name, sources, lookups, textOf: (hash) => texts.get(hash) });
}

function keptJob(
  declared: Declared<CronJob>,
  lookups: SourceLookups,
  { keepTexts }: { readonly keepTexts: boolean },
): Candidate<JobEntry> {
  const entry = lookups.publishedJob(declared.uid);
  if (entry === undefined) return absent;
  const sources = entry.origin?.sources ?? {};
  return filled(declared, entry, { owner: entry.name, sources, lookups, textOf: lookups.publishedText, keepTexts });
}

function filled(
  declared: Declared<CronJob>,
  plain: JobEntry,
  options: Omit<Parameters<typeof createResolver>[0], 'namespace'>,
): Candidate<JobEntry> {
  const { namespace, suspend, runAt } = declared;
  const resolver = createResolver({ ...options, namespace, maxTextBytes: maxPromptBytes });
  const prompt = resolver.text('prompt', plain.prompt);
  const deliver = plain.deliver.map((target) => withSecrets(target, 'deliver', plain.agent, resolver));
  const onFailure = {
    ...plain.onFailure,
    deliver: plain.onFailure.deliver.map((target) => withSecrets(target, 'failure', plain.agent, resolver)),
  };
  const collected = resolver.collected();
  const unresolved = collected.problems[0]?.reason;
  return { ...collected, entry: { ...plain, prompt, deliver, onFailure, suspend, runAt, unresolved } };
}

function withSecrets(target: DeliverTarget, list: string, agent: string, resolver: Resolver): DeliverTarget {
  if (target.webhook === undefined) return target;
  const use = { agent, host: URL.parse(target.webhook.url)?.host };
  const secrets = resolver.rotatingKey(place(list, target), `${list}.${target.name}`, use, (value) => value);
  return { ...target, webhook: { ...target.webhook, secrets } };
}

/** The entry of a spec before any ConfigMap or Secret is read. */
function plainEntry(
  { name, uid, generation }: Declared<CronJob>,
  spec: CronJob['spec'],
): { entry: JobEntry; texts: ReadonlyMap<string, string>; sources: EntryOrigin['sources'] } {
  const { hashOf, texts, sources, addSource } = textSources();
  const agent = spec.agentRef.name;
  const targets = (list: string, declared: CronJob['spec']['deliver']): DeliverTarget[] =>
    declared.map(({ account, webhook, ...target }) => {
      addSource(place(list, target), webhook?.secretRef);
      return {
        ...target,
        account: account === undefined || account.includes('/') ? account : `${agent}/${account}`,
        webhook: webhook && { url: webhook.url, secrets: [] },
      };
    });
  const entry: JobEntry = {
    name,
    uid,
    generation,
    agent,
    schedule: spec.schedule,
    at: spec.at,
    timeZone: spec.timeZone,
    prompt: hashOf('prompt', spec.prompt),
    session: spec.session,
    suspend: spec.suspend,
    concurrencyPolicy: spec.concurrencyPolicy,
    startingDeadlineSeconds: spec.startingDeadlineSeconds,
    catchUp: spec.catchUp,
    jitterSeconds: spec.jitterSeconds,
    timeoutSeconds: spec.timeoutSeconds,
    retry: spec.retry,
    deliver: targets('deliver', spec.deliver),
    silenceMarker: spec.silence.marker,
    contextFrom: spec.contextFrom.map((job) => job.name),
    onFailure: { ...spec.onFailure, deliver: targets('failure', spec.onFailure.deliver) },
    onDelete: spec.onDelete,
    runsHistoryLimit: spec.runsHistoryLimit,
    origin: { sources },
  };
  return { entry, texts, sources };
}

function place(list: string, target: Pick<DeliverTarget, 'name'>): string {
  return list === 'deliver' ? `deliver[${target.name}]` : `onFailure.deliver[${target.name}]`;
}
