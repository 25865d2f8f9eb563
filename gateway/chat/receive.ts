import { TalariaError } from '../../core/lib/errors.ts';
import type { Envelope } from '../../core/route/envelope.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { ResolveQuery } from '../../core/route/resolve.ts';
import type { ContentPart } from '../agent/models/port.ts';
import type { Table, TableHolder } from '../config/table.ts';
import type { Limits } from '../limits/limits.ts';
import { type Item, spokenText, toItems } from '../sessions/items.ts';
import { resolveSticky } from '../sessions/sticky.ts';
import { beginWithinLimits } from '../turns/limited-turn.ts';
import { refusedAsError } from '../turns/refused.ts';
import type { StoredTurns } from '../turns/stored-turn.ts';
import { findChatSession, findUnanswered } from './chat-session.ts';
import { readCommand } from './commands.ts';
import { type CommandOptions, helpText, misspeltText, nothingToRetry, resetChat, statusOf, stopChat } from './obey.ts';

/** What is said back in the chat. */
export type ChatReply =
  /** The agent's. Ids are UUIDs. */
  | {
      readonly kind: 'answer';
      readonly text: string;
      readonly agent: string;
      readonly session: string;
      readonly run: string;
    }
  /** The gateway's own, to a command. */
  | { readonly kind: 'command'; readonly text: string };

/** The way into the gateway for messages of chat platforms. */
export interface Receiver {
  /**
   * Answers one message: by the agent that routing gives it to, in the chat's session, which the Agent's scopes and the
   * rule's say who shares, or itself, when it is a command. `signal` aborts when nobody can be answered any more. Throws
   * TalariaError as StoredTurns does, `run_interrupted` when a newer message or `/stop` took the turn's place, and the
   * refusal of a limit.
   */
  readonly receive: (message: Envelope, signal: AbortSignal) => Promise<ChatReply>;
}

export interface ReceiverOptions extends CommandOptions {
  readonly tables: TableHolder;
  readonly stored: StoredTurns;
  readonly limits: Limits;
  /** Whether an Agent of this name existed and is gone. */
  readonly isRetired: (name: string) => boolean;
}

/** Makes a Receiver. */
export function createReceiver(options: ReceiverOptions): Receiver {
  return {
    receive: async (envelope, signal) => {
      const table = options.tables.current();
      if (table === undefined) throw noTable();
      const query = { envelope, principal: principalOf(envelope), isRetired: options.isRetired };
      const message = { table, query, signal };
      const said = readCommand(envelope.text);
      if (said === undefined) return await answer(options, message, { input: inputOf(envelope) });
      if (said.kind === 'misspelt') return { kind: 'command', text: misspeltText(said) };
      if (said.command === 'help') return { kind: 'command', text: helpText() };
      if (said.command === 'retry') return await retry(options, message);
      const resolution = await resolveChat(options, message);
      const obey = said.command === 'stop' ? stopChat : said.command === 'status' ? statusOf : resetChat;
      return { kind: 'command', text: await obey(options, envelope, resolution) };
    },
  };
}

interface Message {
  readonly table: Table;
  readonly query: ResolveQuery;
  readonly signal: AbortSignal;
}

/** Who writes in a chat is not authenticated by the gateway: what may be called is what the Routes and the account give. */
function principalOf({ account }: Envelope): Principal {
  return { id: `account:${account}`, role: 'client', agents: '*' };
}

async function resolveChat({ database }: ReceiverOptions, { table, query }: Message) {
  return refusedAsError(await resolveSticky(database, table.routes, query));
}

interface Asked {
  readonly input: readonly Item[];
  readonly retry?: boolean;
}

async function answer(
  { limits, stored }: ReceiverOptions,
  { table, query, signal }: Message,
  { input, retry = false }: Asked,
): Promise<ChatReply> {
  const session = { kind: 'chat' } as const;
  const turn = await beginWithinLimits(limits, query.principal, async (acquire) => {
    const asked = { table, query, session, input, retry, tools: [], parameters: {}, acquire } as const;
    const begun = await stored.begin(asked, signal);
    if (begun.kind === 'repeated') throw new Error('a chat message has no Idempotency-Key');
    return begun;
  });
  // Streamed, so that what was said is kept when the turn is stopped.
  const { output } = await turn.complete({ onEvent: () => undefined });
  const { resolution, session: id, run } = turn;
  return { kind: 'answer', text: spokenText(output), agent: resolution.agentName, session: id, run };
}

/** A message whose turn failed is sent again; one that was answered is answered anew. */
async function retry(options: ReceiverOptions, message: Message): Promise<ChatReply> {
  const { database } = options;
  const session = await findChatSession(database, message.query.envelope, await resolveChat(options, message));
  if (session === undefined) return { kind: 'command', text: nothingToRetry };
  const lost = await findUnanswered(database, session);
  if (lost !== undefined) return await answer(options, message, { input: lost });
  if (session.messages === 0 && session.open.length === 0) return { kind: 'command', text: nothingToRetry };
  return await answer(options, message, { input: [], retry: true });
}

function inputOf({ text, parts }: Envelope): readonly Item[] {
  if (parts.length === 0) return toItems({ role: 'user', content: text });
  const beside = parts.map(
    (part): ContentPart =>
      part.type === 'input_text'
        ? { type: 'text', text: part.text }
        : { type: 'image_url', image_url: { url: part.imageUrl } },
  );
  return toItems({ role: 'user', content: text === '' ? beside : [{ type: 'text', text }, ...beside] });
}

function noTable(): TalariaError {
  return new TalariaError('state_unavailable', 'This gateway has no configuration yet. Try again shortly.');
}
