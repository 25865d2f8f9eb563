import { z } from 'zod';
import type { DeepReadonly } from '../core/snapshot/schema.ts';
import { access, accounts } from './agent-access.ts';
import { model } from './agent-model.ts';
import { profile, skills, tools } from './agent-profile.ts';
import { apiVersion, conditions, metadataSchema, observedGeneration, textSource } from './common.ts';
import { choice, fields, flag, integer, label, mapList, text } from './field.ts';

const sessions = fields(
  {
    groupScope: choice(
      ['User', 'Chat'],
      'Who shares a session in a group or channel: User gives each user one of their own, Chat gives all of them one.',
    ).default('User'),
    threadScope: choice(
      ['Chat', 'User'],
      'Who shares a session in a thread: Chat gives the thread one, User gives each user one of their own.',
    ).default('Chat'),
    maxHistoryMessages: integer(0, 10_000, 'How many of the newest messages of a session the model sees.').default(100),
    maxHistoryTokens: integer(
      1,
      10_000_000,
      'How many tokens of history the model sees at most; the oldest messages are left out first. No bound by default.',
    ).optional(),
    idleResetSeconds: integer(
      60,
      31_536_000,
      'A session that was quiet for this long ends; the next message begins a new one. Never by default.',
    ).optional(),
    retentionSeconds: integer(
      3600,
      315_360_000,
      'Sessions and runs are deleted this long after their last use. Kept by default.',
    ).optional(),
    concurrency: choice(
      ['Queue', 'Interrupt', 'Reject'],
      'What a message does that arrives during a turn of its session: Queue waits, Interrupt ends the turn, Reject is answered with session_busy.',
    ).default('Queue'),
    onDisconnect: choice(['Continue', 'Cancel'], 'What becomes of a stored turn when its client goes away.').default(
      'Continue',
    ),
    approvalTimeoutSeconds: integer(1, 86_400, 'How long a turn waits for the approval of a tool call.').default(600),
  },
  'How conversations with this agent are kept.',
);

const limits = fields(
  {
    maxConcurrentRuns: integer(
      1,
      10_000,
      'How many turns of this agent run at once, over all replicas. No bound by default.',
    ).optional(),
    turnTimeoutSeconds: integer(1, 86_400, 'A turn that takes longer is ended.').default(600),
    requestsPerMinute: integer(
      1,
      1_000_000,
      'Requests in a minute, over all replicas. No bound by default.',
    ).optional(),
    tokensPerDay: integer(
      1,
      1_000_000_000_000,
      'Tokens in a day (UTC), over all replicas. No bound by default.',
    ).optional(),
  },
  'Bounds that hold over all replicas together.',
);

const spec = fields(
  {
    displayName: text(128, 'Name for people, shown in listings and in /v1/models.').optional(),
    description: text(1024, 'What the agent is for, shown in listings and in /v1/models.').optional(),
    default: flag(
      'Serve what no rule matched. When two Agents have it, the oldest serves; when none has it, such requests are refused with no_route.',
    ).default(false),
    suspend: flag('Refuse new turns and jobs; those that run finish.').default(false),
    instructions: fields(textSource, 'The persona: the text that the model gets before every conversation.').optional(),
    model: model.prefault({ provider: 'echo', name: 'echo' }),
    skills,
    tools: tools.prefault({}),
    profile: profile.prefault({}),
    accounts,
    access: access.prefault({}),
    sessions: sessions.prefault({}),
    limits: limits.prefault({}),
  },
  'Who answers: instructions, model, tools, profile, chat accounts and keys of one agent.',
);

const accountStatus = fields(
  {
    name: label('Name of the account.'),
    ready: flag('Whether messages can be sent through it, as far as is known.'),
    message: text(1024, 'What is wrong with it, and the cure.', 0).optional(),
  },
  'The state of one account.',
);

const status = fields(
  {
    observedGeneration,
    conditions: conditions.default([]),
    home: text(256, 'The home directory of the agent in a gateway pod.').optional(),
    claimName: text(253, 'The PersistentVolumeClaim of the workspace.').optional(),
    routes: integer(0, 1_000_000, 'How many Routes name this agent.').optional(),
    cronJobs: integer(0, 1_000_000, 'How many CronJobs run as this agent.').optional(),
    accounts: mapList(accountStatus, 'name', { max: 16 }, 'The state of each account.').default([]),
  },
  'What the operator and the gateways say about the Agent.',
);

/** The whole Agent. Parsing ignores unknown fields and applies every default. */
export const agentSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Agent'),
  metadata: metadataSchema,
  spec: spec.prefault({}),
  status: status.prefault({}),
});

/** An Agent with its defaults applied. */
export type Agent = DeepReadonly<z.output<typeof agentSchema>>;
