import type { AgentEntry, DeliverTarget, JobEntry, ModelSettings, SnapshotContent } from './schema.ts';

/** Names of all credentials that the content needs, each once, in no particular order. */
export function credentialsOf(content: SnapshotContent): readonly string[] {
  const names = [
    ...content.agents.flatMap(ofAgent),
    ...content.jobs.flatMap(ofJob),
    ...content.gatewayKeys.flatMap((key) => key.credentials),
  ];
  return [...new Set(names)];
}

function ofAgent(agent: AgentEntry): readonly string[] {
  return [
    ...ofModel(agent.model),
    ...agent.model.fallbacks.flatMap(ofModel),
    ...agent.tools.mcpServers.flatMap((server) => Object.values(server.headers)),
    ...agent.accounts.flatMap((account) => Object.values(account.credentials)),
    ...agent.keys.flatMap((key) => key.credentials),
  ];
}

function ofModel({ apiKey }: Pick<ModelSettings, 'apiKey'>): readonly string[] {
  return apiKey === undefined ? [] : [apiKey];
}

function ofJob(job: JobEntry): readonly string[] {
  return [...job.deliver.flatMap(ofTarget), ...job.onFailure.deliver.flatMap(ofTarget)];
}

function ofTarget({ webhook }: DeliverTarget): readonly string[] {
  return webhook?.secrets ?? [];
}
