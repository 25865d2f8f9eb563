import { randomBytes } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { compileRoutes } from '../core/route/compile.ts';
import { type Envelope, envelope, platforms } from '../core/route/envelope.ts';
import { type Explanation, explain } from '../core/route/explain.ts';
import type { Principal } from '../core/route/principal.ts';
import { compile } from '../operator/translate/compile.ts';
import { emptyContent } from '../operator/translate/published.ts';
import { type ObjectReport, report } from '../operator/translate/report.ts';
import { objectUid } from './dev/identity.ts';
import { formatComplaints, formatProblems } from './dev/summary.ts';
import { readWorkspace } from './dev/workspace.ts';
import { formatTable } from './table.ts';

const examples = `
Examples:
  talaria explain deploy/ --platform telegram --account coder/main --chat-id "-1001234" --user-id 42
  talaria explain deploy/ --model talaria/coder
  talaria explain deploy/ --chat-id engineering --header x-team=core -o json

Exits 0 when an agent would answer, 1 when the message would be refused or a manifest is not accepted.`;

/** `talaria explain DIR`: who would answer a message under these manifests, why, and what lost; without a cluster. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .description('say which agent would answer a message, and why, without a cluster')
    .argument('<dir...>', 'folders or files with manifests');
  command.addOption(new Option('--platform <name>', 'where the message came from').choices(platforms).default('api'));
  command.addOption(new Option('--chat-type <type>', 'kind of the chat').choices(['direct', 'group', 'channel']));
  for (const [flag, meaning] of envelopeFlags) command.option(flag, meaning);
  return command
    .option('--header <name=value>', 'a header of the request; may be repeated', collectHeader, {})
    .option('--text <text>', 'text of the message')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', examples)
    .action(run);
}

const envelopeFlags = [
  ['--account <agent/name>', 'account that received the message'],
  ['--chat-id <id>', 'chat'],
  ['--thread-id <id>', 'thread in the chat'],
  ['--user-id <id>', 'user'],
  ['--user-id-alt <id>', 'second stable id of the user'],
  ['--guild-id <id>', 'server, workspace or tenant'],
  ['--parent-chat-id <id>', 'container of the chat'],
  ['--api-key <name>', 'name of the gateway key'],
  ['--model <name>', 'model that the request names'],
] as const;

type ExplainOptions = Partial<Envelope> & {
  readonly header: Record<string, string>;
  readonly output: 'text' | 'json';
};

async function run(folders: readonly string[], { header, output, ...fields }: ExplainOptions): Promise<void> {
  const { resources, refused } = await readWorkspace(folders, stateless);
  if (refused.length > 0) {
    process.stderr.write(formatProblems(refused));
    process.exitCode = 1;
    return;
  }
  const published = { content: emptyContent, versionKey: randomBytes(32).toString('hex') };
  const compilation = compile(resources, published);
  const reported = report(compilation);
  process.stderr.write(formatComplaints(reported));
  const table = await compileRoutes(compilation.content);
  const message = envelope({ ...fields, headers: header });
  const explanation = explain(table, { envelope: message, principal: callerOf(message), isRetired: () => false });
  process.stdout.write(
    output === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : formatExplanation(explanation),
  );
  if (explanation.outcome.kind === 'refused' || reported.objects.some(isRejected)) process.exitCode = 1;
}

function isRejected({ verdicts }: ObjectReport): boolean {
  return verdicts.some(({ type, status }) => type === 'Accepted' && status === 'False');
}

/** Somebody who may call every agent: what keys would forbid is not asked here. */
function callerOf({ account, apiKey }: Envelope): Principal {
  const [ownAgent] = account.split('/');
  const own = account === '' || ownAgent === undefined ? {} : { ownAgent };
  return { id: 'local', role: 'admin', agents: '*', ...own, ...(apiKey === '' ? {} : { keyName: apiKey }) };
}

function formatExplanation({ outcome, candidates, omitted }: Explanation): string {
  const answer =
    outcome.kind === 'resolved'
      ? `Agent "${outcome.agentName}" would answer: ${outcome.reason}\n`
      : `Refused with ${outcome.code}: ${outcome.message}\n`;
  const rows = candidates.map(({ route, rule, verdict, why }) => [`${route}/${rule}`, verdict, why]);
  const more = omitted > 0 ? `${omitted} more\n` : '';
  return rows.length === 0 ? answer : `${answer}\n${formatTable(['RULE', 'VERDICT', 'WHY'], rows)}${more}`;
}

/** Explaining keeps nothing: every object is at its first generation. */
const stateless = {
  identify: (object: Parameters<typeof objectUid>[0]) => ({ uid: objectUid(object), generation: 1 }),
  save: async () => undefined,
};

function collectHeader(text: string, before: Record<string, string>): Record<string, string> {
  const separator = text.indexOf('=');
  if (separator < 1) throw new InvalidArgumentError('write it as name=value.');
  return { ...before, [text.slice(0, separator).toLowerCase()]: text.slice(separator + 1) };
}
