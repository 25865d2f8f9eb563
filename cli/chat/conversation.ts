import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { explainFailure } from '../remote/failures.ts';
import { colours } from '../remote/output.ts';
import type { ChatClient } from './chat-client.ts';
import { say, type Turn } from './say.ts';

/** A person at a terminal. */
export interface Person {
  readonly input: Readable;
  /** Gets the answers and nothing else. */
  readonly output: Writable;
  /** Gets the prompt and all that is no answer. */
  readonly notes: Writable;
}

export interface ConversationOptions {
  readonly agent: string;
  /** The session to go on with, or the name of the first one. */
  readonly session: string;
  /** Makes the name of a session for `/new`. */
  readonly newSession: () => string;
}

/**
 * A conversation with one agent, line by line, until the person leaves. A failure is a line of `notes`, and the conversation
 * goes on. Gives the last session in which something was said; undefined when nothing was.
 */
export async function converse(
  client: ChatClient,
  { input, output, notes }: Person,
  { agent, newSession, ...options }: ConversationOptions,
): Promise<string | undefined> {
  const lines = createInterface({ input, output: notes, prompt: `${colours.dim('you>')} `, terminal: true });
  const note = (text: string) => notes.write(`${text}\n`);
  let session = options.session;
  let spokenIn: string | undefined;
  let turn: Turn | undefined;
  const hasLeft = followInterrupts(lines, {
    first: () => {
      note(turn === undefined ? '\nCtrl-C once more leaves.' : '\nStopping; Ctrl-C once more leaves.');
      if (turn === undefined) promptAnew(lines);
      turn?.stop();
    },
    left: () => turn?.leave(),
  });
  const ask = async (text: string) => {
    turn = say(client, { agent, session, text }, output);
    spokenIn = session;
    try {
      const { note: end } = await turn.ended;
      if (end !== '') note(`(${end})`);
    } catch (error) {
      note(explainFailure(error).text);
    }
    turn = undefined;
  };
  const obey = (command: string) => {
    if (command === '/quit') return lines.close();
    if (command === '/new') session = newSession();
    note(command === '/new' ? `A new session: ${session}` : (answers[command] ?? unknown(command)));
  };

  note(`You talk to ${agent}, in the session ${session}. /help has the commands; Ctrl-D leaves.`);
  lines.prompt();
  for await (const line of lines) {
    const text = line.trim();
    if (/^\/\S*$/.test(text)) obey(text);
    else if (text !== '') await ask(text);
    if (hasLeft()) break;
    lines.prompt();
  }
  return spokenIn;
}

const answers: Readonly<Record<string, string>> = {
  '/help': `/new     begin a new session
/quit    leave; so does Ctrl-D
/help    these commands
Ctrl-C   stop the answer; once more: leave`,
};

function unknown(command: string): string {
  return `There is no command ${command}. /help lists those that are.`;
}

/** Leaves at a second Ctrl-C between two lines, or at the end of the input. Gives whether that was. */
function followInterrupts(
  lines: Interface,
  { first, left }: { readonly first: () => void; readonly left: () => void },
): () => boolean {
  let interrupts = 0;
  let hasLeft = false;
  lines.on('line', () => {
    interrupts = 0;
  });
  lines.on('SIGINT', () => {
    interrupts += 1;
    if (interrupts === 1) first();
    else lines.close();
  });
  lines.once('close', () => {
    hasLeft = true;
    left();
  });
  return () => hasLeft;
}

/** Drops what was typed. */
function promptAnew(lines: Interface): void {
  lines.write(null, { ctrl: true, name: 'e' });
  lines.write(null, { ctrl: true, name: 'u' });
  lines.prompt();
}
