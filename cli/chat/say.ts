import type { Writable } from 'node:stream';
import { GatewayRefusal } from '../remote/failures.ts';
import type { ChatClient, Question } from './chat-client.ts';
import { createHarmless } from './harmless.ts';

/** One turn of a conversation while it goes on. */
export interface Turn {
  /** How it ended. Rejects with GatewayRefusal or GatewayUnreachable. */
  readonly ended: Promise<TurnEnd>;
  /** Ends the answer: what had come of it is kept. */
  readonly stop: () => void;
  /** Reads no more of it; what becomes of the turn its Agent says in `sessions.onDisconnect`. */
  readonly leave: () => void;
}

export interface TurnEnd {
  readonly stopped: boolean;
  /** What there is to know about the answer beyond its text; '' when it is whole. */
  readonly note: string;
}

/** Asks, and writes the answer to `output` as it comes, without what a terminal would obey, and with a line break at its end. */
export function say(client: ChatClient, question: Question, output: Writable): Turn {
  const abort = new AbortController();
  let stopped = false;
  let left = false;
  let run: string | undefined;
  const stopRun = (id: string) => {
    // What cannot be stopped is left.
    client.stop(id).catch(() => abort.abort());
  };
  const answer = async (): Promise<TurnEnd> => {
    const lines = createLineEnd(output);
    try {
      const { run: id, text, finishReason } = await client.ask(question, abort.signal);
      run = id;
      if (stopped && id !== undefined) stopRun(id);
      const harmless = createHarmless();
      for await (const piece of text) lines.write(harmless.piece(piece));
      return { stopped, note: notes[finishReason() ?? ''] ?? '' };
    } catch (error) {
      if (left) return { stopped, note: '' };
      if (!stopped || !(abort.signal.aborted || isInterruption(error))) throw error;
      return { stopped, note: 'stopped' };
    } finally {
      lines.end();
    }
  };
  return {
    ended: answer(),
    stop: () => {
      stopped = true;
      if (run === undefined) abort.abort();
      else stopRun(run);
    },
    leave: () => {
      left = true;
      abort.abort();
    },
  };
}

const notes: Readonly<Record<string, string>> = {
  length: 'the model ran out of its output tokens; ask it to go on, or raise model.parameters.maxOutputTokens',
  content_filter: 'the provider of the model filtered the rest',
};

function isInterruption(error: unknown): boolean {
  return error instanceof GatewayRefusal && error.code === 'run_interrupted';
}

function createLineEnd(output: Writable) {
  let last = '\n';
  return {
    write: (text: string) => {
      if (text === '') return;
      output.write(text);
      last = text;
    },
    end: () => {
      if (!last.endsWith('\n')) output.write('\n');
    },
  };
}
