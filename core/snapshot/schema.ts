import { z } from 'zod';

/** The version of the snapshot contract. Readers take the major N and N-1; a minor only adds optional fields. */
export const snapshotSchemaVersion = { major: 1, minor: 2 } as const;

const identity = {
  name: z.string(),
  /** Kubernetes uid; in standalone mode a UUIDv5 of kind, namespace and name. */
  uid: z.string(),
  /** The generation of the object whose content this entry holds: its last Accepted one. */
  generation: z.int(),
};

/** Name of one value in a credentials shard: `<owner>.<purpose>.<version>`; never the value. */
const credentialName = z.string();
/** SHA-256 (hex) of a text in `texts`. */
const textHash = z.string();

/**
 * For the operator alone: what an entry was made from, so that an entry that outlives its generation stays live.
 * `sources` names, for each place of the entry that a ConfigMap or Secret fills, `<object>` or `<object>/<key>`.
 */
const originSchema = z.object({
  sources: z.record(z.string(), z.string()),
  /** An Agent asks to be the default, whether or not it is. */
  default: z.boolean().optional(),
  /** The volume that an Agent asks for, as its spec has it. */
  volume: z
    .object({
      size: z.string().optional(),
      storageClassName: z.string().optional(),
      accessMode: z.enum(['ReadWriteMany', 'ReadWriteOnce']),
      existingClaim: z.string().optional(),
      reclaimPolicy: z.enum(['Retain', 'Delete']),
    })
    .optional(),
});

const prices = z.object({ inputPerMillion: z.string(), outputPerMillion: z.string(), currency: z.string() });

const modelParameters = z.object({
  temperature: z.number().optional(),
  topP: z.number().optional(),
  maxOutputTokens: z.int().optional(),
  stop: z.array(z.string()).optional(),
  seed: z.int().optional(),
  reasoningEffort: z.string().optional(),
  /** One JSON object as text, merged into the provider's request body. */
  extra: z.string().optional(),
});

const modelSettings = {
  provider: z.enum(['openai', 'anthropic', 'openai-compatible', 'echo']),
  name: z.string(),
  baseURL: z.string().optional(),
  apiKey: credentialName.optional(),
  parameters: modelParameters,
  timeoutSeconds: z.int(),
  maxRetries: z.int(),
  prices: prices.optional(),
};

const modelSchema = z.object({ ...modelSettings, fallbacks: z.array(z.object(modelSettings)) });

const agentSchema = z.object({
  ...identity,
  /** Absent: the agent serves. Present: every turn and job is refused with this code. */
  refuse: z.enum(['agent_suspended', 'agent_not_ready']).optional(),
  /** The condition reason behind `refuse`, for messages. */
  refuseReason: z.string().optional(),
  /** True for the one Agent that serves what no rule matched. */
  default: z.boolean(),
  displayName: z.string().optional(),
  description: z.string().optional(),
  instructions: textHash.optional(),
  model: modelSchema,
  skills: z.array(z.object({ name: z.string(), text: textHash })),
  tools: z.object({
    builtin: z.array(z.string()),
    maxSteps: z.int(),
    mcpServers: z.array(
      z.object({
        name: z.string(),
        url: z.string(),
        headers: z.record(z.string(), credentialName),
        allow: z.array(z.string()),
        deny: z.array(z.string()),
        requireApproval: z.array(z.string()),
      }),
    ),
  }),
  files: z.array(z.object({ path: z.string(), text: textHash, policy: z.enum(['Seed', 'Sync']) })),
  /** `volume`: the volume of the agent is mounted at the workspace of its home in every gateway pod. */
  profile: z.object({ volume: z.literal(true).optional() }).optional(),
  accounts: z.array(
    z.object({
      name: z.string(),
      platform: z.string(),
      shared: z.boolean(),
      onAmbiguous: z.enum(['Park', 'Resend']),
      /** Key of the account's Secret -> credential name. */
      credentials: z.record(z.string(), credentialName),
      settings: z.record(z.string(), z.unknown()),
    }),
  ),
  /** Keys that may call this agent and no other. `credentials`: names of SHA-256 values, the current and the previous key. */
  keys: z.array(
    z.object({
      name: z.string(),
      deliver: z.boolean(),
      credentials: z.array(credentialName),
      /** Bounds of this key besides the agent's. */
      limits: z.object({ requestsPerMinute: z.int().optional(), tokensPerDay: z.int().optional() }).optional(),
    }),
  ),
  sessions: z.object({
    groupScope: z.enum(['User', 'Chat']),
    threadScope: z.enum(['Chat', 'User']),
    maxHistoryMessages: z.int(),
    maxHistoryTokens: z.int().optional(),
    idleResetSeconds: z.int().optional(),
    retentionSeconds: z.int().optional(),
    concurrency: z.enum(['Queue', 'Interrupt', 'Reject']),
    onDisconnect: z.enum(['Continue', 'Cancel']),
    approvalTimeoutSeconds: z.int(),
  }),
  limits: z.object({
    maxConcurrentRuns: z.int().optional(),
    turnTimeoutSeconds: z.int(),
    requestsPerMinute: z.int().optional(),
    tokensPerDay: z.int().optional(),
  }),
  origin: originSchema.optional(),
});

/** The fields of a match that are compared as one exact string each. The order is the order of explanations. */
export const matchFields = [
  'platform',
  'account',
  'chatId',
  'chatType',
  'threadId',
  'userId',
  'userIdAlt',
  'guildId',
  'parentChatId',
  'apiKey',
  'model',
] as const;
export type MatchField = (typeof matchFields)[number];

const matchSchema = z.object({
  platform: z.string().optional(),
  account: z.string().optional(),
  chatId: z.string().optional(),
  chatType: z.string().optional(),
  threadId: z.string().optional(),
  userId: z.string().optional(),
  userIdAlt: z.string().optional(),
  guildId: z.string().optional(),
  parentChatId: z.string().optional(),
  apiKey: z.string().optional(),
  model: z.string().optional(),
  headers: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
  expression: z.string().optional(),
});

const routeSchema = z.object({
  ...identity,
  priority: z.int(),
  /** RFC 3339; a sort key: between equals the older Route wins, then its name. Standalone: all are equal. */
  createdAt: z.string(),
  rules: z.array(
    z.object({
      name: z.string(),
      matches: z.array(matchSchema),
      agentRefs: z.array(z.object({ name: z.string(), weight: z.int() })),
      sessionScope: z.enum(['User', 'Chat']).optional(),
    }),
  ),
});

const deliverTargetSchema = z.object({
  name: z.string(),
  /** Always `<agent>/<name>`. */
  account: z.string().optional(),
  chatId: z.string().optional(),
  threadId: z.string().optional(),
  /** `secrets`: credential names of the signing secrets, the current one first. */
  webhook: z.object({ url: z.string(), secrets: z.array(credentialName) }).optional(),
  log: z.boolean().optional(),
  expireAfterSeconds: z.int(),
});

const jobSchema = z.object({
  ...identity,
  agent: z.string(),
  /** Exactly one of `schedule` and `at`. */
  schedule: z.string().optional(),
  /** RFC 3339 instant of a job that runs once. */
  at: z.string().optional(),
  timeZone: z.string(),
  prompt: textHash,
  session: z.object({ type: z.enum(['Isolated', 'Named']), name: z.string().optional() }),
  suspend: z.boolean(),
  concurrencyPolicy: z.enum(['Forbid', 'Allow', 'Replace']),
  startingDeadlineSeconds: z.int().optional(),
  catchUp: z.object({ policy: z.enum(['Latest', 'None', 'All']), maxRuns: z.int() }),
  jitterSeconds: z.int(),
  timeoutSeconds: z.int(),
  retry: z.object({ maxAttempts: z.int(), backoffSeconds: z.int() }),
  deliver: z.array(deliverTargetSchema),
  silenceMarker: z.string(),
  contextFrom: z.array(z.string()),
  onFailure: z.object({
    deliver: z.array(deliverTargetSchema),
    afterConsecutive: z.int(),
    suspendAfter: z.int().optional(),
  }),
  onDelete: z.enum(['Finish', 'Cancel']),
  runsHistoryLimit: z.int(),
  /** Value of the annotation `talaria.dev/run-at`. */
  runAt: z.string().optional(),
  /** Reason why its prompt or a signing secret cannot be resolved: its runs fail with it before a model is called. */
  unresolved: z.string().optional(),
  origin: originSchema.optional(),
});

const gatewayKeySchema = z.object({
  /** Name and uid of the Secret. */
  name: z.string(),
  uid: z.string(),
  /** `*` alone means every Agent. */
  agents: z.array(z.string()),
  role: z.enum(['client', 'admin']),
  deliver: z.boolean(),
  /** Credential names of SHA-256 values, the current key first. */
  credentials: z.array(credentialName),
});

/** What one bucket holds, and, merged over all buckets, the whole snapshot. Every list is sorted by name. */
export const snapshotContentSchema = z.object({
  agents: z.array(agentSchema),
  routes: z.array(routeSchema),
  jobs: z.array(jobSchema),
  gatewayKeys: z.array(gatewayKeySchema),
  /** SHA-256 (hex) of a text -> the text; a text stands once in each bucket that needs it. */
  texts: z.record(z.string(), z.string()),
});

/** The index: what `talaria-snapshot` holds under `index.json`. */
export const snapshotIndexSchema = z.object({
  schema: z.object({ major: z.int(), minor: z.int() }),
  /** SHA-256 (hex) over the schema's major and the hashes of the buckets in their order: the identity of the content. */
  revision: z.string(),
  /** max(previous + 1, Unix milliseconds), given only when the revision changes; higher is newer. */
  sequence: z.int(),
  buckets: z.array(
    z.object({
      slot: z.enum(['a', 'b']),
      /** SHA-256 (hex) of the bucket's uncompressed canonical JSON. */
      sha256: z.string(),
    }),
  ),
});

export type SnapshotContent = DeepReadonly<z.infer<typeof snapshotContentSchema>>;
export type SnapshotIndex = DeepReadonly<z.infer<typeof snapshotIndexSchema>>;
export type EntryOrigin = DeepReadonly<z.infer<typeof originSchema>>;
export type AgentEntry = SnapshotContent['agents'][number];
export type ModelSettings = AgentEntry['model'];
export type RouteEntry = SnapshotContent['routes'][number];
export type RuleEntry = RouteEntry['rules'][number];
export type MatchEntry = RuleEntry['matches'][number];
export type JobEntry = SnapshotContent['jobs'][number];
export type DeliverTarget = JobEntry['deliver'][number];
export type GatewayKeyEntry = SnapshotContent['gatewayKeys'][number];

/** A verified snapshot with its place in time. */
export interface Snapshot {
  readonly revision: string;
  readonly sequence: number;
  readonly content: SnapshotContent;
  /** The Routes of the content in parts, in any order. A part that did not change is the same list as before. */
  readonly routeParts: readonly RoutePart[];
}

/** Some of a snapshot's Routes, such as those of one bucket. */
export type RoutePart = readonly RouteEntry[];

export type DeepReadonly<T> = T extends (infer U)[]
  ? readonly DeepReadonly<U>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
