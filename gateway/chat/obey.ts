import { toWire } from '../../core/lib/id.ts';
import type { Envelope } from '../../core/route/envelope.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { Hints } from '../db/hints.ts';
import type { Database } from '../db/pool.ts';
import { requestStop } from '../runs/request-stop.ts';
import { sessionBusy } from '../sessions/refusals.ts';
import { type ChatSession, endChatSession, findChatSession } from './chat-session.ts';
import { type ChatCommand, commands } from './commands.ts';

export interface CommandOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'tell'>;
}

/** What a command does in the chat of an envelope with its resolved agent; gives what is said back. */
export type Obey = (options: CommandOptions, envelope: Envelope, resolution: Resolution) => Promise<string>;

/**
 * Ends the chat's session. A turn that runs in it is treated as by a message: it goes on in the old session under `Queue`,
 * is stopped under `Interrupt`, and under `Reject` the command is refused with `session_busy`.
 */
export const resetChat: Obey = async (options, envelope, resolution) => {
  const { database } = options;
  const { concurrency } = resolution.agent.sessions;
  const session = await findChatSession(database, envelope, resolution);
  if (session === undefined) return began;
  const ended = await endChatSession(database, session, { unlessBusy: concurrency === 'Reject' });
  if (!ended && concurrency === 'Reject') throw sessionBusy();
  if (concurrency === 'Interrupt') await stopRuns(options, session);
  return began;
};

/** Stops what runs and what waits in the chat's session. */
export const stopChat: Obey = async (options, envelope, resolution) => {
  const session = await findChatSession(options.database, envelope, resolution);
  const stopped = session === undefined ? [] : await stopRuns(options, session);
  return stopped.length === 0 ? 'Nothing is running.' : 'Stopped.';
};

/** Tells which agent answers, in which session, and what it does. */
export const statusOf: Obey = async ({ database }, envelope, resolution) => {
  const { agent } = resolution;
  const session = await findChatSession(database, envelope, resolution);
  const named = agent.displayName === undefined ? agent.name : `${agent.displayName} (${agent.name})`;
  if (session === undefined) return `Agent: ${named}\nSession: none yet\nRun: idle\nMessages: 0`;
  return `Agent: ${named}\nSession: ${toWire('ses', session.id)}\nRun: ${runText(session)}\nMessages: ${session.messages}`;
};

/** The list of commands. */
export function helpText(): string {
  return Object.entries(commands)
    .map(([name, what]) => `/${name}: ${what}`)
    .join('\n');
}

/** What is said of something that is nearly a command. */
export function misspeltText({ written, meant }: Extract<ChatCommand, { kind: 'misspelt' }>): string {
  return `There is no command /${written}. Did you mean /${meant}? /help lists them all.`;
}

export const nothingToRetry = 'There is no message to answer again.';

const began = 'A new session begins with the next message.';

/** Runs of chats have no principal. */
function stopRuns({ database, hints }: CommandOptions, { id, agent }: ChatSession) {
  return requestStop(database, hints, { session: id }, { id: '', agents: [agent] });
}

function runText({ open }: ChatSession): string {
  const waiting = open.filter((status) => status === 'queued').length;
  const active = open.find((status) => status !== 'queued')?.replaceAll('_', ' ') ?? 'idle';
  return waiting === 0 ? active : `${active}, ${waiting} waiting`;
}
