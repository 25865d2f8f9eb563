import { type Draft, toLabel } from '../draft.ts';
import { member, textIn } from '../fields.ts';
import type { Account } from './accounts.ts';

interface TargetSource {
  readonly job: unknown;
  readonly source: string;
  /** The name of the Agent that runs the job. */
  readonly agent: string;
  readonly accounts: readonly Account[];
}

/** `deliver` of a CronJob: a webhook, or the chat that an announcement goes to. */
export function toTargets(draft: Draft, from: TargetSource): object {
  const { job, source } = from;
  const mode = textIn(job, 'delivery', 'mode') ?? defaultMode(job);
  const to = textIn(job, 'delivery', 'to') ?? textIn(job, 'payload', 'to');
  if (mode === 'none') return {};
  if (mode === 'webhook') {
    if (to === undefined || URL.parse(to) === null) return missing(draft, source, 'It posts to no address');
    draft.note('changed', source, 'It posts the result as Standard Webhooks does, and not the event of OpenClaw.');
    return { deliver: [{ name: 'webhook', webhook: { url: to } }] };
  }
  const channel = textIn(job, 'delivery', 'channel') ?? textIn(job, 'payload', 'channel') ?? 'last';
  if (channel === 'last' || to === undefined)
    return missing(draft, source, 'It goes where the agent was last spoken to');
  return chatTarget(draft, from, channel, to);
}

/** An isolated job announces what came of it unless it says otherwise. */
function defaultMode(job: unknown): string {
  const isMain = (textIn(job, 'sessionTarget') ?? 'isolated') === 'main';
  return isMain || member(job, 'payload', 'deliver') === false ? 'none' : 'announce';
}

function chatTarget(draft: Draft, { job, source, agent, accounts }: TargetSource, channel: string, to: string): object {
  const id = textIn(job, 'delivery', 'accountId') ?? 'default';
  const account = accounts.find((one) => one.channel === channel && one.id === id);
  if (account === undefined) return missing(draft, source, `There is no account "${id}" of ${channel}`);
  const place = placeOf(channel, to);
  if (place === undefined) return missing(draft, source, `"${to}" is no id of a chat`);
  const isOwn = account.agent === agent;
  if (!isOwn)
    draft.note(
      'to do',
      source,
      `It sends through an account of ${account.agent}: a Route must give the chat ${place.chatId} to ${agent}.`,
    );
  const name = toLabel([channel, place.chatId, place.threadId].filter(Boolean).join('-'));
  return { deliver: [{ name, account: isOwn ? account.name : `${account.agent}/${account.name}`, ...place }] };
}

/** `channel:ID` on Slack and Discord, `ID`, `ID:topic:N` or `ID:N` on Telegram, with or without a prefix. */
function placeOf(channel: string, to: string): { readonly chatId: string; readonly threadId?: string } | undefined {
  const bare = to.replace(new RegExp(`^${channel}:`), '');
  if (channel === 'telegram') {
    const [, chatId, threadId] = /^(?:group:)?(-?\d+)(?::(?:topic:)?(\d+))?$/.exec(bare) ?? [];
    return chatId === undefined ? undefined : { chatId, ...(threadId === undefined ? {} : { threadId }) };
  }
  const chatId = bare.replace(/^(channel|room):/, '');
  return /^(user:|#|@)/.test(chatId) ? undefined : { chatId };
}

function missing(draft: Draft, source: string, why: string): object {
  draft.note('to do', source, `${why}: name the chat in deliver; until then nothing is sent.`);
  return {};
}
