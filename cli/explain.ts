import { randomBytes } from 'node:crypto';
import { Command, Option } from 'commander';
import { compileRoutes } from '../core/route/compile.ts';
import { type Envelope, envelope } from '../core/route/envelope.ts';
import { explain } from '../core/route/explain.ts';
import type { Principal } from '../core/route/principal.ts';
import { toldExplanation } from '../core/route/told-explanation.ts';
import { compile } from '../operator/translate/compile.ts';
import { emptyContent } from '../operator/translate/published.ts';
import { type ObjectReport, report } from '../operator/translate/report.ts';
import { objectUid } from './dev/identity.ts';
import { formatComplaints, formatProblems } from './dev/summary.ts';
import { readWorkspace } from './dev/workspace.ts';
import { formatExplanation } from './explanation-text.ts';
import { addMessageOptions, type MessageOptions, messageOf } from './message-options.ts';

const examples = `
Examples:
  talaria explain deploy/ --platform telegram --account coder/main --chat-id "-1001234" --user-id 42
  talaria explain deploy/ --model talaria/coder
  talaria explain deploy/ --chat-id engineering --header x-team=core -o json

Exit code: 0 an agent would answer, 1 the message would be refused or a manifest is not accepted, 2 wrong usage.`;

/** `talaria explain DIR`: who would answer a message under these manifests, why, and what lost; without a cluster. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .description('say which agent would answer a message, and why, without a cluster')
    .argument('<dir...>', 'folders or files with manifests');
  return addMessageOptions(command)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', examples)
    .action(run);
}

type ExplainOptions = MessageOptions & { readonly output: 'text' | 'json' };

async function run(folders: readonly string[], options: ExplainOptions): Promise<void> {
  const { resources, refused } = await readWorkspace(folders, stateless);
  if (refused.length > 0) {
    process.stderr.write(formatProblems(refused));
    process.exitCode = 1;
    return;
  }
  if (resources.agents.length === 0)
    process.stderr.write(`No Agent was found in ${folders.join(', ')}. Name the folder of its manifests.\n`);
  const published = { content: emptyContent, versionKey: randomBytes(32).toString('hex') };
  const compilation = compile(resources, published);
  const reported = report(compilation);
  process.stderr.write(formatComplaints(reported));
  const table = await compileRoutes(compilation.content);
  const message = envelope(messageOf(options));
  const told = toldExplanation(
    explain(table, { envelope: message, principal: callerOf(message), isRetired: () => false }),
  );
  process.stdout.write(options.output === 'json' ? `${JSON.stringify(told, null, 2)}\n` : formatExplanation(told));
  if (told.outcome === 'refused' || reported.objects.some(isRejected) || reported.unreported.length > 0)
    process.exitCode = 1;
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

/** Explaining keeps nothing: every object is at its first generation. */
const stateless = {
  identify: (object: Parameters<typeof objectUid>[0]) => ({ uid: objectUid(object), generation: 1 }),
  save: async () => undefined,
};
