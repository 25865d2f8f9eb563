import { platforms } from '../../../core/route/envelope.ts';
import { isRecord } from '../../../crds/problem.ts';
import type { Draft } from '../draft.ts';
import { listIn, member, textIn } from '../fields.ts';
import { addRoutes, type RuleDraft } from '../routes.ts';
import type { AgentNames } from './agents.ts';

/** Adds the routes of Hermes, in their order. A route that cannot be said exactly is left out, since a part of it would match more. */
export function addRules(draft: Draft, config: unknown, names: AgentNames): void {
  const rules = listIn(config, 'routes').flatMap((route, at) => ruleOf(draft, route, `routes[${at}]`, names));
  addRoutes(draft, 'hermes', rules);
}

function ruleOf(draft: Draft, route: unknown, source: string, names: AgentNames): RuleDraft[] {
  const leaveOut = (message: string) => {
    draft.note('left out', source, message);
    return [];
  };
  const match = member(route, 'match');
  const agent = textIn(route, 'agent');
  if (!isRecord(match) || agent === undefined) return leaveOut('It has no match or no agent, so Hermes skips it.');
  if (Object.keys(match).length === 0) return leaveOut('Its match is empty, so Hermes never takes it.');
  const parts = Object.entries(match).map(([key, value]) => fieldOf(key, value));
  const fault = parts.find((part) => 'fault' in part);
  if (fault !== undefined) return leaveOut(fault.fault);
  const fields = Object.assign({}, ...parts.map((part) => ('fields' in part ? part.fields : {}))) as Fields;
  if (!names.has(agent)) {
    draft.note(
      'changed',
      source,
      `There is no agent "${agent}": such messages are refused. Hermes answers them with the root home.`,
    );
  }
  return [
    {
      name: `${agent}-${Object.values(fields)[0] ?? ''}`,
      matches: exactMatches(draft, fields, source),
      agent: names.get(agent) ?? agent,
    },
  ];
}

type Fields = Readonly<Record<string, string>>;
type Part = { readonly fields: Fields } | { readonly fault: string };

function fieldOf(key: string, value: unknown): Part {
  if (typeof value !== 'string' && typeof value !== 'bigint' && !Number.isInteger(value)) {
    return { fault: `${key} is ${value === null ? 'empty' : 'no text or whole number'}, so Hermes never takes it.` };
  }
  const text = String(value);
  if (key === 'platform') return platformOf(text);
  if (key === 'chat_type') return chatTypeOf(text);
  const field = plainFields[key];
  if (field === undefined) {
    const why = key === 'topic_id' ? 'no message of Hermes has it' : 'Hermes does not know it';
    return { fault: `It matches ${key}; ${why}, so it is never taken.` };
  }
  if (text === '') return { fault: `${key} is an empty text, which no match here can say.` };
  return { fields: { [field]: text } };
}

const plainFields: Readonly<Record<string, string>> = {
  chat_id: 'chatId',
  thread_id: 'threadId',
  user_id: 'userId',
  user_id_alt: 'userIdAlt',
  guild_id: 'guildId',
  parent_chat_id: 'parentChatId',
};

function platformOf(text: string): Part {
  const platform = text === 'api_server' ? 'api' : text;
  if (platforms.some((name) => name === platform)) return { fields: { platform } };
  return { fault: `Talaria has no platform "${text}".` };
}

const chatTypes: Readonly<Record<string, string>> = { dm: 'direct', group: 'group', channel: 'channel' };

function chatTypeOf(text: string): Part {
  const chatType = chatTypes[text];
  if (chatType !== undefined) return { fields: { chatType } };
  return { fault: `A chat of the type "${text}" is none here; threads are told by threadId inside their chat.` };
}

/**
 * On Discord the chat of Hermes is the channel without its threads, or one thread, and its parent the channel of a thread.
 * Everywhere else a chat has its threads in both.
 */
function exactMatches(
  draft: Draft,
  { parentChatId, ...fields }: Fields,
  source: string,
): Readonly<Record<string, string>>[] {
  if (fields.platform !== 'discord') {
    if (parentChatId !== undefined)
      draft.note(
        'changed',
        source,
        'parentChatId is the container of a chat here, such as a forum, and never the chat of a thread.',
      );
    return [{ ...fields, ...(parentChatId === undefined ? {} : { parentChatId }) }];
  }
  if (parentChatId !== undefined && fields.chatId === undefined) {
    return [{ ...fields, chatId: parentChatId, expression: 'threadId != ""' }];
  }
  const { chatId, ...others } = fields;
  if (chatId === undefined || others.threadId !== undefined) return [fields];
  draft.note(
    'changed',
    source,
    `It has two matches, since ${chatId} can be a channel without its threads or one thread; keep the one that is meant.`,
  );
  return [
    { ...others, chatId, expression: 'threadId == ""' },
    { ...others, threadId: chatId },
  ];
}
