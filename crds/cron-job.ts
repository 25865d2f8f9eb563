import { z } from 'zod';
import type { DeepReadonly } from '../core/snapshot/schema.ts';
import {
  agentReference,
  apiVersion,
  conditions,
  instant,
  metadataSchema,
  observedGeneration,
  reference,
  textSource,
} from './common.ts';
import { atomicList, choice, fields, flag, httpURL, id, integer, label, mapList, patterned, text } from './field.ts';

const accountName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\/[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$/;
const rfc3339 = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$/;

const target = fields(
  {
    name: label('Name of the target. It is part of the identity of every delivery.'),
    account: patterned(
      accountName,
      81,
      'must be the name of an account of the own agent, or <agent>/<account>',
      'Send through this chat account: the name of an account of the own agent, or <agent>/<name> for a shared one. Needs chatId. Exactly one of account, webhook and log is set.',
    ).optional(),
    chatId: id('The chat to send to, in quotes. Only with account.').optional(),
    threadId: id('The thread to send to, in quotes. Only with account.').optional(),
    webhook: fields(
      {
        url: httpURL('Address that the result is posted to, by the Standard Webhooks specification.'),
        secretRef: reference(
          'The Secret that holds the signing secret under `key`. During a rotation a second signature is made with `previousKey`. Without it nothing is signed.',
        ).optional(),
      },
      'Post the result to an address. Exactly one of account, webhook and log is set.',
    ).optional(),
    log: flag('Write the result to the log of the gateway. Exactly one of account, webhook and log is set.').optional(),
    expireAfterSeconds: integer(1, 604_800, 'A delivery that could not be sent for this long is given up.').default(
      3600,
    ),
  },
  'One target. Each has an outcome of its own.',
);

const targets = (description: string) => mapList(target, 'name', { max: 16 }, description).default([]);

const spec = fields(
  {
    schedule: text(
      128,
      'When it runs: five cron fields (minute, hour, day of month, month, day of week), @yearly, @monthly, @weekly, @daily, @hourly, or @every with a duration such as 90s. Exactly one of schedule and at is set.',
    ).optional(),
    at: patterned(
      rfc3339,
      40,
      'must be an instant such as 2030-01-31T09:00:00Z',
      'The instant of a job that runs once, in RFC 3339. Exactly one of schedule and at is set.',
    ).optional(),
    timeZone: patterned(
      /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/,
      64,
      'must be an IANA time zone such as Europe/Berlin',
      'IANA time zone of the schedule.',
    ).default('UTC'),
    agentRef: agentReference('The agent it runs as.'),
    prompt: fields(textSource, 'What the agent is asked.'),
    session: fields(
      {
        type: choice(
          ['Isolated', 'Named'],
          'Isolated begins every run with an empty session; Named goes on in one session for all runs.',
        ).default('Isolated'),
        name: label('Name of the session, with type Named only.').optional(),
      },
      'The session of the runs.',
    ).prefault({ type: 'Isolated' }),
    suspend: flag('Start nothing; what runs finishes. The slots of a suspension are not caught up.').default(false),
    concurrencyPolicy: choice(
      ['Forbid', 'Allow', 'Replace'],
      'What becomes of a slot that arrives during a run of the job: Forbid misses it, Allow starts it, Replace stops the run and starts it.',
    ).default('Forbid'),
    startingDeadlineSeconds: integer(
      1,
      31_536_000,
      'A slot that could not start for this long is missed. No deadline by default.',
    ).optional(),
    catchUp: fields(
      {
        policy: choice(
          ['Latest', 'None', 'All'],
          'What becomes of the slots of an outage: Latest runs the newest, None runs nothing, All runs up to maxRuns, one after the other.',
        ).default('Latest'),
        maxRuns: integer(1, 100, 'With All: how many slots are run at most, the newest.').default(10),
      },
      'What becomes of the slots of an outage.',
    ).prefault({}),
    jitterSeconds: integer(
      0,
      86_400,
      'Spreads jobs with the same schedule: each starts later by a fixed time of its own, below this. It must be less than the shortest interval of the schedule.',
    ).default(0),
    timeoutSeconds: integer(1, 86_400, 'A run that takes longer is ended and has failed.').default(1800),
    retry: fields(
      {
        maxAttempts: integer(1, 10, 'How many attempts a run has in all.').default(1),
        backoffSeconds: integer(1, 3600, 'Wait before the second attempt; it doubles with every further one.').default(
          30,
        ),
      },
      'Attempts of the same run, only while no call of a model or a tool was made.',
    ).prefault({}),
    deliver: targets('Where the result is sent.'),
    silence: fields(
      { marker: text(64, 'A result that is only this text is kept and not sent.').default('[SILENT]') },
      'How the agent says that there is nothing to send.',
    ).prefault({}),
    contextFrom: mapList(
      fields({ name: label('Name of the CronJob, in the same namespace.') }, 'One CronJob of the same agent.'),
      'name',
      { max: 8 },
      'CronJobs of the same agent whose last output is put before the prompt, in this order, at most 8,000 characters of each.',
    ).default([]),
    onFailure: fields(
      {
        deliver: targets('Where a failure is reported.'),
        afterConsecutive: integer(1, 100, 'Report from this many failures in a row on.').default(1),
        suspendAfter: integer(
          1,
          1000,
          'Pause the job after this many failures in a row, until its spec changes or it is resumed by hand. Never by default.',
        ).optional(),
      },
      'What a failed run leads to.',
    ).prefault({}),
    onDelete: choice(
      ['Finish', 'Cancel'],
      'What becomes of a run when the CronJob is deleted. Queued runs are cancelled in any case.',
    ).default('Finish'),
    runsHistoryLimit: integer(1, 1000, 'How many finished runs are kept.').default(50),
  },
  'What an agent does by the clock, and where the result goes.',
);

const activeRun = fields(
  { runId: text(64, 'Id of the run.'), scheduledTime: instant('The slot it runs for.') },
  'One run.',
);

const recentRun = fields(
  {
    runId: text(64, 'Id of the run; empty for a slot that was missed.', 0),
    scheduledTime: instant('The slot it ran for.'),
    outcome: text(64, 'How it ended.'),
    deliveryOutcome: text(64, 'What became of its deliveries.', 0),
  },
  'One run.',
);

const status = fields(
  {
    observedGeneration,
    conditions: conditions.default([]),
    lastScheduleTime: instant('The newest slot that started.').optional(),
    nextScheduleTime: instant('The next slot.').optional(),
    lastSuccessfulTime: instant('The newest slot whose run succeeded.').optional(),
    lastMissedTime: instant('The newest slot that was missed.').optional(),
    missedCount: integer(0, Number.MAX_SAFE_INTEGER, 'How many slots were missed.').optional(),
    consecutiveFailures: integer(0, Number.MAX_SAFE_INTEGER, 'How many of the newest runs failed in a row.').optional(),
    lastRunAt: text(1024, 'The newest value of the annotation talaria.dev/run-at that was acted on.', 0).optional(),
    active: atomicList(activeRun, { max: 100 }, 'Runs that have not ended.').default([]),
    recentRuns: atomicList(recentRun, { max: 10 }, 'The newest runs, the newest first.').default([]),
  },
  'What the operator and the gateways say about the CronJob.',
);

/** The whole CronJob. Parsing ignores unknown fields and applies every default. */
export const cronJobSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('CronJob'),
  metadata: metadataSchema,
  spec,
  status: status.prefault({}),
});

/** A CronJob with its defaults applied. */
export type CronJob = DeepReadonly<z.output<typeof cronJobSchema>>;
