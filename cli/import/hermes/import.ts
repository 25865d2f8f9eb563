import { isRecord } from '../../../crds/problem.ts';
import { createDraft, type Draft } from '../draft.ts';
import { entriesIn, listIn, member } from '../fields.ts';
import { noteShapes } from '../shapes.ts';
import { addAgents } from './agents.ts';
import { addJobs } from './jobs.ts';
import { type HermesSource, readHermes } from './read.ts';
import { addRules } from './rules.ts';

/** Makes manifests of a Hermes home or its config.yaml. Throws ImportError when there is nothing to read. */
export async function importHermes(place: string, nowMs: number): Promise<Draft> {
  return fromHermes(await readHermes(place), nowMs);
}

/** Makes manifests of what was read of Hermes. */
export function fromHermes(hermes: HermesSource, nowMs: number): Draft {
  const draft = createDraft();
  noteShapes(draft, hermes.config, { lists: ['routes'], mappings: ['agents', 'mcp_servers'] });
  const names = addAgents(draft, hermes, idsOf(draft, hermes.config));
  addRules(draft, hermes.config, names);
  addJobs(draft, hermes, names, nowMs);
  noteRest(draft, hermes.config);
  return draft;
}

/** `main` is always there. */
function idsOf(draft: Draft, config: unknown): readonly string[] {
  const agents = entriesIn(config, 'agents');
  for (const [id, agent] of agents) {
    if (!isRecord(agent) && id !== 'main')
      draft.note('left out', `agents.${id}`, 'It is no mapping, so Hermes drops it.');
  }
  return [...new Set(['main', ...agents.filter(([, agent]) => isRecord(agent)).map(([id]) => id)])];
}

function noteRest(draft: Draft, config: unknown): void {
  const servers = entriesIn(config, 'mcp_servers').map(([name]) => name);
  if (servers.length > 0) {
    draft.note(
      'left out',
      'mcp_servers',
      `${servers.join(', ')}: name those that speak HTTP in spec.tools.mcpServers.`,
    );
  }
  const profiles = listIn(config, 'gateway', 'profile_routes').length + listIn(config, 'profile_routes').length;
  if (profiles > 0) {
    draft.note(
      'left out',
      'gateway.profile_routes',
      'Routes to profiles are those of another Hermes than agents and routes: import each profile by itself.',
    );
  }
  if (member(config, 'platforms') !== undefined) {
    draft.note('left out', 'platforms', 'Who may write to a bot is decided on its platform, and by Routes.');
  }
}
