import type { AgentEntry, SnapshotContent } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { Declared, Resources } from '../resources.ts';
import { admit, type Budget } from './admission.ts';
import { agentRules } from './agents.ts';
import { budgetLimits, chargesOf } from './budgets.ts';
import type { Candidate, Entry, SourceLookups, WantedCredential } from './candidate.ts';
import type { Compilation } from './compilation.ts';
import { defaultAgentUid, withDefault } from './default-agent.ts';
import { jobRules } from './jobs.ts';
import { keyRules } from './keys.ts';
import { fallbackOf, granted, type Proposal, propose, reused, type Settled, settle } from './proposal.ts';
import { emptyContent, type Published, sourceLookups } from './published.ts';
import { recompile } from './recompile.ts';
import { routeRules } from './routes.ts';

/**
 * Makes the next content of the snapshot. A pure function: no client, no clock, nothing mutated, the output sorted and
 * independent of the order of the input. What is published comes in because a generation that is not accepted never changes
 * what serves: the entry of the last accepted one stays. Compiling again with the result as what is published gives the same
 * result. An entry that does not change stays the object that is published, unless that
 * is a copy, and one changed object costs little more than its own work. Give the compilation whose content is published as `previous`: then changed Routes are compiled alone.
 */
export function compile(resources: Resources, published: Published, previous?: Compilation): Compilation {
  return recompile(resources, published, previous) ?? compileAll(resources, published);
}

function compileAll(resources: Resources, published: Published): Compilation {
  const lookups = sourceLookups(resources, published);
  const proposed = {
    agents: propose(resources.agents, agentRules, lookups),
    routes: propose(resources.routes, routeRules, lookups),
    cronJobs: propose(resources.cronJobs, jobRules, lookups),
    keys: propose(
      resources.secrets.filter((secret) => secret.gatewayKey),
      keyRules,
      lookups,
    ),
  };
  const everyone: readonly Proposal<object, Entry>[] = Object.values(proposed).flat();
  const before =
    published.isCopy === true ? sourceLookups(resources, { ...published, content: emptyContent }) : lookups;
  const { short, spare } = admit(everyone, (proposal) => chargesOf(fallbackOf(proposal, lookups)), budgetLimits);
  const settled = {
    agents: settle(proposed.agents, short, lookups, agentFinish(proposed.agents, short, lookups, before)),
    routes: settle(proposed.routes, short, lookups, (entry) => reused(entry, before.publishedRoute(entry.uid))),
    cronJobs: settle(proposed.cronJobs, short, lookups, (entry) => reused(entry, before.publishedJob(entry.uid))),
    keys: settle(proposed.keys, short, lookups, (entry) => reused(entry, before.publishedKey(entry.uid))),
  };
  const candidates = Object.values(settled).flatMap((list): readonly Candidate<Entry>[] => list.map(candidateOf));
  return {
    ...settled,
    basis: { resources, versionKey: published.versionKey, spare },
    credentials: distinctCredentials(candidates),
    content: {
      agents: entriesOf(settled.agents),
      routes: entriesOf(settled.routes),
      jobs: entriesOf(settled.cronJobs),
      gatewayKeys: entriesOf(settled.keys),
      texts: textsOf(candidates),
    },
  };
}

/** An Agent is the default only when no other one is. */
function agentFinish(
  agents: readonly Proposal<Declared<Agent>, AgentEntry>[],
  short: ReadonlyMap<string, Budget>,
  lookups: SourceLookups,
  before: SourceLookups,
): (entry: AgentEntry) => AgentEntry {
  const uid = defaultAgentUid(
    agents.map((proposal) => ({ declared: proposal.declared, candidate: granted(proposal, short, lookups) })),
  );
  return (entry) => reused(withDefault(entry, entry.uid === uid), before.publishedAgent(entry.uid));
}

function candidateOf<E extends Entry>({ candidate }: Settled<unknown, E>): Candidate<E> {
  return candidate;
}

function entriesOf<E extends Entry>(settled: readonly Settled<unknown, E>[]): readonly E[] {
  return settled.map(({ entry }) => entry).filter((entry) => entry !== undefined);
}

function textsOf(candidates: readonly Candidate<Entry>[]): SnapshotContent['texts'] {
  const texts: Record<string, string> = {};
  for (const candidate of candidates) for (const { hash, text } of candidate.texts) texts[hash] = text;
  return texts;
}

/** A name stands for one value, so of two with the same name the one that still has its value is as good. */
function distinctCredentials(candidates: readonly Candidate<Entry>[]): readonly WantedCredential[] {
  const wanted = new Map<string, WantedCredential>();
  for (const { credentials } of candidates) {
    for (const credential of credentials) {
      if (wanted.get(credential.name)?.value === undefined) wanted.set(credential.name, credential);
    }
  }
  return [...wanted.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
