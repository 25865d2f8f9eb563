import type { AgentEntry, JobEntry, RouteEntry } from '../../core/snapshot/schema.ts';
import type { ObjectReport, Report } from '../../operator/translate/report.ts';
import { formatTable } from '../table.ts';
import type { PlacedProblem } from './workspace.ts';

/** What is served, as three tables like those of `kubectl get`, and below them what the conditions complain of. */
export function formatSummary(report: Report): string {
  const tables = [agentTable(report), routeTable(report), jobTable(report)];
  return [...tables, formatComplaints(report)].filter((part) => part !== '').join('\n');
}

/** One line for each condition that a person should read, and where our own code failed on an object. */
export function formatComplaints({ objects, unreported }: Report): string {
  const failed = unreported.map(
    ({ key, fault }) => `${key}: nothing can be said of it, which is a fault of Talaria: ${fault}\n`,
  );
  return [...objects.flatMap(complaintsOf), ...failed].join('');
}

/** One line a problem: `file:line: Kind/name: field: message; cure`. */
export function formatProblems(problems: readonly PlacedProblem[]): string {
  return problems.map((problem) => `${formatProblem(problem)}\n`).join('');
}

function formatProblem({ file, line, object, path, message, cure }: PlacedProblem): string {
  const field = path === '' || message.startsWith(path) ? message : `${path}: ${message}`;
  const subject = object === '' ? field : `${object}: ${field}`;
  return `${file}:${line}: ${subject}${cure === '' ? '' : `; ${cure}`}`;
}

function agentTable({ objects }: Report): string {
  const rows = objects
    .filter((object) => object.kind === 'Agent')
    .map((object) => {
      const entry = object.entry as AgentEntry | undefined;
      const model = entry === undefined ? '' : `${entry.model.provider}/${entry.model.name}`;
      const { routes = 0, cronJobs = 0 } = object.fields;
      return [object.name, readiness(object), model, entry?.default ? 'true' : '', String(routes), String(cronJobs)];
    });
  return rows.length === 0 ? '' : formatTable(['AGENT', 'READY', 'MODEL', 'DEFAULT', 'ROUTES', 'JOBS'], rows);
}

function routeTable({ objects }: Report): string {
  const rows = objects
    .filter((object) => object.kind === 'Route')
    .map((object) => {
      const entry = object.entry as RouteEntry | undefined;
      const { rules = '', agents = '' } = object.fields;
      return [object.name, readiness(object), String(rules), String(agents), String(entry?.priority ?? '')];
    });
  return rows.length === 0 ? '' : formatTable(['ROUTE', 'READY', 'RULES', 'AGENTS', 'PRIORITY'], rows);
}

function jobTable({ objects }: Report): string {
  const rows = objects
    .filter((object) => object.kind === 'CronJob')
    .map((object) => {
      const entry = object.entry as JobEntry | undefined;
      const when = entry?.schedule ?? (entry?.at === undefined ? '' : `at ${entry.at}`);
      const suspend = entry?.suspend ? 'true' : 'false';
      return [object.name, readiness(object), when, entry?.timeZone ?? '', entry?.agent ?? '', suspend];
    });
  return rows.length === 0 ? '' : formatTable(['CRONJOB', 'READY', 'SCHEDULE', 'TIMEZONE', 'AGENT', 'SUSPEND'], rows);
}

function readiness({ verdicts }: ObjectReport): string {
  return verdicts.some(({ status }) => status === 'False') ? 'False' : 'True';
}

/** Conditions a person should read: those that are False, and those that are there only when something is amiss. */
function complaintsOf({ kind, name, verdicts }: ObjectReport): readonly string[] {
  return verdicts
    .filter(({ type, status }) => (status === 'True') === onlyWhenAmiss.has(type))
    .map(({ type, reason, message }) => `${kind}/${name}: ${type} (${reason}): ${message}\n`);
}

const onlyWhenAmiss: ReadonlySet<string> = new Set(['Limited', 'Shadowed']);
