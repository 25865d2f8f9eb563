import type { ConditionReason } from '../../core/conditions.ts';
import { compileExpression } from '../../core/route/expression.ts';
import { ExpressionError } from '../../core/route/expression-error.ts';
import { shortestIntervalSeconds } from '../../core/schedule/interval.ts';
import { parseAt, parseSchedule, ScheduleError } from '../../core/schedule/parse.ts';
import type { Agent } from '../agent.ts';
import type { CronJob } from '../cron-job.ts';
import type { Route } from '../route.ts';
import { splitCure } from './rule.ts';

/** What an Agent's own texts may have together, in bytes of UTF-8: they are part of the snapshot. */
export const maxAgentTextBytes = 256 * 1024;

/** What CEL cannot check. The object is stored, and the condition Accepted says no with the reason. */
export interface AcceptanceRule<T> {
  readonly name: string;
  readonly reasons: readonly ConditionReason<'Accepted'>[];
  /** What the rule asks, for the reference. */
  readonly asks: string;
  /** Everything in the object that breaks the rule; the first finding gives the condition its reason and message. */
  readonly check: (object: T) => readonly Finding[] | Promise<readonly Finding[]>;
}

/** One place that breaks a rule. */
export interface Finding {
  readonly path: string;
  readonly reason: ConditionReason<'Accepted'>;
  readonly message: string;
  readonly cure: string;
}

/** The rules of Agents. */
export const agentAcceptance: readonly AcceptanceRule<Agent>[] = [
  {
    name: 'extra-is-json-object',
    reasons: ['InvalidParameters'],
    asks: 'model.parameters.extra is one JSON object, and sets none of model, messages and stream.',
    check: (agent) =>
      modelsOf(agent).flatMap(([path, model]) => checkExtra(`${path}.parameters.extra`, model.parameters.extra)),
  },
  {
    name: 'addresses-are-readable',
    reasons: ['InvalidURL'],
    asks: 'Every address can be read as a URL.',
    check: (agent) => agentURLs(agent).flatMap(([path, url]) => checkURL(path, url)),
  },
  {
    name: 'texts-fit',
    reasons: ['TextsTooLarge'],
    asks: 'The inline texts of the Agent are together at most 256 KiB.',
    check: checkTexts,
  },
  {
    name: 'files-do-not-collide',
    reasons: ['FilesCollide'],
    asks: 'No path of a file in the profile is a folder of another one.',
    check: checkFiles,
  },
];

/** The rules of Routes. */
export const routeAcceptance: readonly AcceptanceRule<Route>[] = [
  {
    name: 'expressions-compile',
    reasons: ['InvalidExpression'],
    asks: 'Every expression is valid CEL over the variables of the envelope, of at most 200 nodes and without nested comprehensions.',
    check: async (route) => (await Promise.all(expressionsOf(route).map(checkExpression))).flat(),
  },
];

/** The rules of CronJobs. */
export const cronJobAcceptance: readonly AcceptanceRule<CronJob>[] = [
  {
    name: 'schedule-fires',
    reasons: ['InvalidSchedule', 'InvalidTimeZone', 'NeverFires'],
    asks: 'The schedule can be read and names a day that comes; the instant in at exists.',
    check: checkSchedule,
  },
  {
    name: 'jitter-is-shorter',
    reasons: ['JitterTooLong'],
    asks: 'jitterSeconds is below the shortest interval of the schedule.',
    check: checkJitter,
  },
  {
    name: 'addresses-are-readable',
    reasons: ['InvalidURL'],
    asks: 'Every address can be read as a URL.',
    check: (job) => webhooksOf(job).flatMap(([path, url]) => checkURL(path, url)),
  },
];

type Model = Omit<Agent['spec']['model'], 'fallbacks'>;
type Located<T> = readonly [path: string, value: T];

function modelsOf(agent: Agent): Located<Model>[] {
  const { model } = agent.spec;
  const fallbacks = model.fallbacks.map(
    (fallback, index): Located<Model> => [`spec.model.fallbacks[${index}]`, fallback],
  );
  return [['spec.model', model], ...fallbacks];
}

/** Members of the request body that the gateway writes itself. */
const ownParameters = ['model', 'messages', 'stream'];

function checkExtra(path: string, extra: string | undefined): Finding[] {
  if (extra === undefined) return [];
  const finding = (message: string, cure: string): Finding[] => [{ path, reason: 'InvalidParameters', message, cure }];
  const value = parseJson(extra);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return finding('extra must be one JSON object', `write something like '{"logprobs": true}'`);
  }
  const own = ownParameters.filter((name) => Object.hasOwn(value, name));
  if (own.length > 0) return finding(`extra sets ${own.join(', ')}, which the gateway sets itself`, 'remove it');
  return [];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function agentURLs(agent: Agent): Located<string | undefined>[] {
  const { tools, accounts } = agent.spec;
  return [
    ...modelsOf(agent).map(([path, model]): Located<string | undefined> => [`${path}.baseURL`, model.baseURL]),
    ...tools.mcpServers.map(({ url }, index): Located<string> => [`spec.tools.mcpServers[${index}].url`, url]),
    ...accounts.flatMap(({ settings }, index): Located<string | undefined>[] => [
      [`spec.accounts[${index}].settings.telegram.apiURL`, settings?.telegram?.apiURL],
      [`spec.accounts[${index}].settings.slack.apiURL`, settings?.slack?.apiURL],
      [`spec.accounts[${index}].settings.discord.apiURL`, settings?.discord?.apiURL],
      [`spec.accounts[${index}].settings.matrix.homeserverURL`, settings?.matrix?.homeserverURL],
    ]),
  ];
}

function webhooksOf(job: CronJob): Located<string | undefined>[] {
  const { deliver, onFailure } = job.spec;
  return [
    ...deliver.map(
      ({ webhook }, index): Located<string | undefined> => [`spec.deliver[${index}].webhook.url`, webhook?.url],
    ),
    ...onFailure.deliver.map(
      ({ webhook }, index): Located<string | undefined> => [
        `spec.onFailure.deliver[${index}].webhook.url`,
        webhook?.url,
      ],
    ),
  ];
}

function checkURL(path: string, url: string | undefined): Finding[] {
  if (url === undefined || URL.canParse(url)) return [];
  return [{ path, reason: 'InvalidURL', message: 'the address cannot be read', cure: 'check its host and port' }];
}

function checkTexts(agent: Agent): Finding[] {
  const { instructions, skills, profile } = agent.spec;
  const sources = [...(instructions === undefined ? [] : [instructions]), ...skills, ...profile.files];
  const bytes = sources.reduce((sum, source) => sum + Buffer.byteLength(source.inline ?? ''), 0);
  if (bytes <= maxAgentTextBytes) return [];
  const message = `the texts are together ${bytes} bytes; ${maxAgentTextBytes} are allowed`;
  return [{ path: 'spec', reason: 'TextsTooLarge', message, cure: 'shorten them, or spread them over several Agents' }];
}

function checkFiles(agent: Agent): Finding[] {
  const paths = agent.spec.profile.files.map(({ path }) => path);
  return paths.flatMap((path, index): Finding[] => {
    const below = paths.find((other) => other.startsWith(`${path}/`));
    if (below === undefined) return [];
    const message = `"${path}" is a file, and "${below}" needs it to be a folder`;
    return [
      { path: `spec.profile.files[${index}].path`, reason: 'FilesCollide', message, cure: 'rename one of the two' },
    ];
  });
}

function expressionsOf(route: Route): Located<string>[] {
  return route.spec.rules.flatMap((rule, r) =>
    rule.matches.flatMap((match, m): Located<string>[] =>
      match.expression === undefined ? [] : [[`spec.rules[${r}].matches[${m}].expression`, match.expression]],
    ),
  );
}

async function checkExpression([path, text]: Located<string>): Promise<Finding[]> {
  try {
    await compileExpression(text);
    return [];
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return [{ path, reason: error.reason, ...splitCure(error.message) }];
  }
}

function checkSchedule(job: CronJob): Finding[] {
  const { schedule, at, timeZone } = job.spec;
  try {
    if (schedule !== undefined) parseSchedule(schedule, timeZone);
    if (at !== undefined) parseAt(at);
    return [];
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    const path = error.reason === 'InvalidTimeZone' ? 'spec.timeZone' : at === undefined ? 'spec.schedule' : 'spec.at';
    return [{ path, reason: error.reason, ...splitCure(error.message) }];
  }
}

function checkJitter(job: CronJob): Finding[] {
  const { schedule, timeZone, jitterSeconds } = job.spec;
  if (schedule === undefined || jitterSeconds === 0 || checkSchedule(job).length > 0) return [];
  const shortest = shortestIntervalSeconds(parseSchedule(schedule, timeZone));
  if (jitterSeconds < shortest) return [];
  const message = `jitterSeconds is ${jitterSeconds}, and the shortest interval of the schedule is ${shortest} s`;
  return [{ path: 'spec.jitterSeconds', reason: 'JitterTooLong', message, cure: `set it to less than ${shortest}` }];
}
