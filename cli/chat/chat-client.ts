import { encodeHeaderValue } from '../../gateway/ingress/headers.ts';
import { GatewayRefusal, GatewayUnreachable } from '../remote/failures.ts';
import { createSender, deadlineMs, errorIn, type GatewayAddress, readJson } from '../remote/gateway-request.ts';
import { BrokenStream, eventFields } from '../remote/server-events.ts';

/** What is asked of whom. */
export interface Question {
  readonly agent: string;
  /** An id or a name of a session; undefined: nothing is kept. */
  readonly session: string | undefined;
  readonly text: string;
}

/** An answer that has begun, or is about to. */
export interface Answer {
  /** `run_...`; undefined where nothing is kept. */
  readonly run: string | undefined;
  /** What the agent says, as it comes, once. Throws GatewayRefusal when the turn fails, GatewayUnreachable when it breaks off. */
  readonly text: AsyncIterable<string>;
  /** Why it ended, such as `stop` or `length`; undefined before that. */
  readonly finishReason: () => string | undefined;
}

/** The part of the API that a conversation needs. Failures are GatewayRefusal and GatewayUnreachable. */
export interface ChatClient {
  /** Begins a turn; an abort of `signal` leaves it. */
  readonly ask: (question: Question, signal: AbortSignal) => Promise<Answer>;
  /** Asks a run to stop; its stream then ends with `run_interrupted`. */
  readonly stop: (run: string) => Promise<void>;
  /** The names of the Agents that the key may call. */
  readonly agents: () => Promise<readonly string[]>;
}

/** A turn may wait behind others of its session before its head comes. */
const headDeadlineMs = 300_000;

/** Makes a client. Nothing is sent before the first call. */
export function createChatClient(address: GatewayAddress): ChatClient {
  const send = createSender(address);
  return {
    ask: async (question, signal) => {
      const abort = new AbortController();
      const late = setTimeout(() => abort.abort(), headDeadlineMs);
      try {
        const response = await send({ ...turnRequest(question), signal: AbortSignal.any([signal, abort.signal]) });
        return answerOf(response, abort, address.url);
      } finally {
        clearTimeout(late);
      }
    },
    stop: async (run) => {
      const path = `/v1/runs/${encodeURIComponent(run)}/stop`;
      await send({ method: 'POST', path, signal: AbortSignal.timeout(deadlineMs) });
    },
    agents: async () => {
      const response = await send({ method: 'GET', path: '/v1/models', signal: AbortSignal.timeout(deadlineMs) });
      const { data } = await readJson<{ data: readonly { readonly id: string }[] }>(response, address.url);
      return data.map(({ id }) => id.replace(/^talaria\//, ''));
    },
  };
}

function turnRequest({ agent, session, text }: Question) {
  return {
    method: 'POST',
    path: '/v1/chat/completions',
    headers: session === undefined ? {} : { 'x-talaria-session-id': encodeHeaderValue(session) },
    body: { model: `talaria/${agent}`, stream: true, messages: [{ role: 'user', content: text }] },
  } as const;
}

function answerOf(response: Response, abort: AbortController, url: string): Answer {
  let finishReason: string | undefined;
  const text = async function* () {
    try {
      for await (const fields of eventFields(response, abort)) {
        const data = fields.get('data');
        if (data === undefined) continue;
        if (data === '[DONE]') return;
        const failure = errorIn(data);
        if (failure !== undefined) throw new GatewayRefusal(failure.code, failure.message);
        const choice = (JSON.parse(data) as Chunk).choices[0];
        finishReason = choice?.finish_reason ?? finishReason;
        const piece = choice?.delta.content ?? '';
        if (piece !== '') yield piece;
      }
      throw new BrokenStream();
    } catch (error) {
      if (error instanceof BrokenStream) throw new GatewayUnreachable(url, 'its answer broke off');
      throw error;
    } finally {
      abort.abort();
    }
  };
  const run = response.headers.get('x-talaria-run-id') ?? undefined;
  return { run, text: text(), finishReason: () => finishReason };
}

interface Chunk {
  readonly choices: readonly {
    readonly delta: { readonly content?: string | null };
    readonly finish_reason: string | null;
  }[];
}
