import { closest } from '../../core/lib/closest.ts';

/** What people may write in a chat instead of a message, and what it does. */
export const commands = {
  new: 'begin a new session',
  reset: 'the same',
  stop: 'stop what the agent is doing',
  status: 'which agent answers here, and what it is doing',
  retry: 'answer my last message again',
  help: 'this list',
} as const;

export type Command = keyof typeof commands;

/** What a text says to the gateway itself. */
export type ChatCommand =
  | { readonly kind: 'command'; readonly command: Command }
  /** It begins like a command and is none, but nearly one. */
  | { readonly kind: 'misspelt'; readonly written: string; readonly meant: Command };

/**
 * Reads the command at the beginning of a text, also in the form `/new@bot` of group chats; what follows it is not read.
 * Undefined for everything that is a message to the agent, texts that begin with a slash and resemble no command included.
 */
export function readCommand(text: string): ChatCommand | undefined {
  const written = /^\s*\/([a-z]+)(?:@\S+)?(?:\s|$)/i.exec(text)?.[1]?.toLowerCase();
  if (written === undefined) return undefined;
  if (isCommand(written)) return { kind: 'command', command: written };
  const meant = closest(written, Object.keys(commands));
  return meant !== undefined && isCommand(meant) ? { kind: 'misspelt', written, meant } : undefined;
}

function isCommand(name: string): name is Command {
  return Object.hasOwn(commands, name);
}
