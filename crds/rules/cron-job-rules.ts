import { isKnownTimeZone, parseSchedule, ScheduleError } from '../../core/schedule/parse.ts';
import type { CronJob } from '../cron-job.ts';
import { type RefusedRule, refused } from './rule.ts';
import { schedulePattern } from './schedule-pattern.ts';
import { nameRule, textSourceRule } from './shared-rules.ts';

type Spec = CronJob['spec'];
type Target = Spec['deliver'][number];

const targets = ['spec.deliver[]', 'spec.onFailure.deliver[]'];

/** What the API server refuses of a CronJob beyond its schema. */
export const cronJobRules: readonly RefusedRule[] = [
  nameRule('CronJob'),
  textSourceRule('CronJob', ['spec.prompt']),
  refused<Spec>({
    name: 'schedule-or-at',
    kind: 'CronJob',
    at: ['spec'],
    cel: 'has(self.schedule) != has(self.at)',
    holds: (self) => (self.schedule === undefined) !== (self.at === undefined),
    message: 'exactly one of schedule and at must be set',
    cure: 'use schedule for a job that repeats, at for one that runs once',
  }),
  refused<string>({
    name: 'schedule-syntax',
    kind: 'CronJob',
    at: ['spec.schedule'],
    cel: `self.matches('${schedulePattern}')`,
    holds: (self) => new RegExp(schedulePattern).test(self),
    message: 'schedule must be five cron fields, @hourly or one of its kin, or @every with a duration',
    detail: scheduleProblem,
    cure: 'write minute (0-59), hour (0-23), day of month (1-31), month (1-12), day of week (0-6, Sunday is 0), or @every 90s',
  }),
  refused<string>({
    name: 'time-zone-is-known',
    kind: 'CronJob',
    at: ['spec.timeZone'],
    cel: "self != 'Local' && timestamp('2024-01-01T00:00:00Z').getHours(self) >= 0",
    holds: (self) => isKnownTimeZone(self) && hasCapitals(self),
    detail: timeZoneProblem,
    message: 'timeZone must be a known IANA time zone',
    cure: 'write a name such as Europe/Berlin or UTC, with its capital letters',
  }),
  refused<Spec['session']>({
    name: 'named-session-has-name',
    kind: 'CronJob',
    at: ['spec.session'],
    field: '.name',
    cel: "(self.type == 'Named') == has(self.name)",
    holds: (self) => (self.type === 'Named') === (self.name !== undefined),
    message: 'name must be set with type Named, and only then',
    cure: 'set type Named and name together',
  }),
  refused<Target>({
    name: 'one-kind-of-target',
    kind: 'CronJob',
    at: targets,
    cel: '[has(self.account), has(self.webhook), has(self.log)].filter(given, given).size() == 1',
    holds: (self) => [self.account, self.webhook, self.log].filter((given) => given !== undefined).length === 1,
    message: 'exactly one of account, webhook and log must be set',
    cure: 'write one list entry for each target',
  }),
  refused<Target>({
    name: 'account-needs-chat',
    kind: 'CronJob',
    at: targets,
    field: '.chatId',
    cel: '!has(self.account) || has(self.chatId)',
    holds: (self) => self.account === undefined || self.chatId !== undefined,
    message: 'account needs chatId',
    cure: 'set the chat that the account sends to',
  }),
  refused<Target>({
    name: 'chat-needs-account',
    kind: 'CronJob',
    at: targets,
    cel: 'has(self.account) || !has(self.chatId) && !has(self.threadId)',
    holds: (self) => self.account !== undefined || (self.chatId === undefined && self.threadId === undefined),
    message: 'chatId and threadId are for a target with account',
    cure: 'set the account that sends, or remove them',
  }),
  refused<Target>({
    name: 'log-is-true',
    kind: 'CronJob',
    at: targets,
    field: '.log',
    cel: '!has(self.log) || self.log',
    holds: (self) => self.log !== false,
    message: 'log must be true or absent',
    cure: 'remove the target, or set log: true',
  }),
  refused<CronJob>({
    name: 'context-of-others',
    kind: 'CronJob',
    at: [''],
    field: '.spec.contextFrom',
    cel: '!has(self.spec.contextFrom) || !self.spec.contextFrom.exists(job, job.name == self.metadata.name)',
    holds: (self) => !self.spec.contextFrom.some((job) => job.name === self.metadata.name),
    message: 'contextFrom names other CronJobs',
    cure: 'use session type Named to go on from the own last run',
  }),
];

/** What the parser says about the text, which is closer to it than the pattern's general message. */
function scheduleProblem(self: string): string | undefined {
  return problemOf(() => parseSchedule(self, 'UTC'));
}

/** JavaScript takes old names such as `us/pacific` in any case and does not tell the right one; the API server does not. */
function hasCapitals(timeZone: string): boolean {
  return timeZone.split('/').every((part) => /^[A-Z]/.test(part));
}

function timeZoneProblem(self: string): string | undefined {
  return problemOf(() => parseSchedule('@hourly', self));
}

function problemOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof ScheduleError) return error.message;
    throw error;
  }
}
