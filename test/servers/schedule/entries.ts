import { sha256 } from '../../../core/lib/hash.ts';
import type { AgentEntry, JobEntry } from '../../../core/snapshot/schema.ts';
import { buildTable, type Table } from '../../../gateway/config/table.ts';

/** An Agent that answers with what it is asked. */
export function agentEntry(name: string, change: Partial<AgentEntry> = {}): AgentEntry {
  return {
    name,
    uid: `uid-of-${name}`,
    generation: 1,
    default: false,
    model: { provider: 'echo', name: 'echo', parameters: {}, timeoutSeconds: 60, maxRetries: 0, fallbacks: [] },
    skills: [],
    tools: { builtin: [], maxSteps: 1, mcpServers: [] },
    files: [],
    accounts: [],
    keys: [],
    sessions: {
      groupScope: 'User',
      threadScope: 'Chat',
      maxHistoryMessages: 20,
      concurrency: 'Queue',
      onDisconnect: 'Continue',
      approvalTimeoutSeconds: 60,
    },
    limits: { turnTimeoutSeconds: 60 },
    ...change,
  };
}

/** A CronJob of the Agent `clerk` that asks "good morning" every second, with the API's defaults. */
export function jobEntry(name: string, change: Partial<JobEntry> = {}): JobEntry {
  return {
    name,
    uid: `uid-of-${name}`,
    generation: 1,
    agent: 'clerk',
    schedule: '@every 1s',
    timeZone: 'UTC',
    prompt: sha256('good morning'),
    session: { type: 'Isolated' },
    suspend: false,
    concurrencyPolicy: 'Forbid',
    catchUp: { policy: 'Latest', maxRuns: 10 },
    jitterSeconds: 0,
    timeoutSeconds: 1800,
    retry: { maxAttempts: 1, backoffSeconds: 1 },
    deliver: [],
    silenceMarker: '[SILENT]',
    contextFrom: [],
    onFailure: { deliver: [], afterConsecutive: 1 },
    onDelete: 'Finish',
    runsHistoryLimit: 50,
    ...change,
  };
}

export interface TableParts {
  readonly sequence: number;
  readonly agents?: readonly AgentEntry[];
  readonly jobs?: readonly JobEntry[];
  readonly credentials?: Readonly<Record<string, string>>;
  /** Prompts besides "good morning". */
  readonly texts?: readonly string[];
}

/** The Table of a snapshot with these entries; the Agent is `clerk` unless said. */
export async function tableOf({
  sequence,
  agents,
  jobs = [],
  credentials = {},
  texts = [],
}: TableParts): Promise<Table> {
  const content = {
    agents: agents ?? [agentEntry('clerk')],
    routes: [],
    jobs,
    gatewayKeys: [],
    texts: Object.fromEntries(['good morning', ...texts].map((text) => [sha256(text), text])),
  };
  const snapshot = { revision: `revision-${sequence}`, sequence, content, routeParts: [content.routes] };
  return await buildTable({ snapshot, credentials: new Map(Object.entries(credentials)) });
}
