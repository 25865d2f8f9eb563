import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** One call of a model, as its server saw it. Times are milliseconds of one clock. */
export interface Call {
  /** What was said before the question, by user and assistant in turn. */
  readonly before: readonly string[];
  readonly question: string;
  readonly startedAt: number;
  /** When the answer was out, or the connection was gone; undefined while neither is so. */
  endedAt: number | undefined;
  answered: boolean;
}

/** A model server that answers `answer to <question>` after a short while and remembers every call. */
export interface ConversationModel {
  readonly baseURL: string;
  /** By the instructions of the agent that called. */
  readonly callsOf: (instructions: string) => readonly Call[];
  /** The next call gets no answer; resolves once it is there. */
  readonly holdNext: () => Promise<Call>;
  readonly stop: () => Promise<void>;
}

const answerMs = 20;

/** Starts one on loopback, with the wire format of OpenAI. */
export async function startConversationModel(): Promise<ConversationModel> {
  const calls = new Map<string, Call[]>();
  let held: PromiseWithResolvers<Call> | undefined;
  const server = createServer(async (request, response) => {
    const ended = endOf(request, response);
    const { instructions, call, stream } = await readCall(request);
    ended((at) => {
      call.endedAt ??= at;
    });
    calls.set(instructions, [...(calls.get(instructions) ?? []), call]);
    if (held !== undefined) {
      held.resolve(call);
      held = undefined;
      return;
    }
    await delay(answerMs);
    if (response.destroyed) return;
    call.answered = true;
    call.endedAt = performance.now();
    send(response, `answer to ${call.question}`, stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    callsOf: (instructions) => calls.get(instructions) ?? [],
    holdNext: () => {
      held = Promise.withResolvers<Call>();
      return held.promise;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Tells when the connection of a request was gone, also when that was before it is asked. The socket hears of it in the
 * order in which everything came in; the response only after all that came with it, which takes long where 200 come at once.
 */
function endOf({ socket }: IncomingMessage, response: ServerResponse): (tell: (at: number) => void) => void {
  let at: number | undefined;
  let tell: (at: number) => void = () => undefined;
  const end = () => {
    at ??= performance.now();
    tell(at);
  };
  const events = ['end', 'error', 'close'] as const;
  for (const event of events) socket.once(event, end);
  response.once('close', () => {
    end();
    for (const event of events) socket.off(event, end);
  });
  return (told) => {
    tell = told;
    if (at !== undefined) tell(at);
  };
}

interface Body {
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

async function readCall(request: IncomingMessage) {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const { messages, stream = false } = JSON.parse(Buffer.concat(pieces).toString('utf8')) as Body;
  const said = messages.filter(({ role }) => role !== 'system').map(({ content }) => content);
  const instructions = messages.find(({ role }) => role === 'system')?.content ?? '';
  const call: Call = {
    before: said.slice(0, -1),
    question: said.at(-1) ?? '',
    startedAt: performance.now(),
    endedAt: undefined,
    answered: false,
  };
  return { instructions, call, stream };
}

function send(response: ServerResponse, content: string, stream: boolean): void {
  const frame = { id: 'c', created: 1, model: 'm' };
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  if (!stream) {
    const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...frame, object: 'chat.completion', choices, usage }));
    return;
  }
  const event = (fields: object) =>
    `data: ${JSON.stringify({ ...frame, object: 'chat.completion.chunk', ...fields })}\n\n`;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(event({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }));
  response.write(event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }));
  response.end(`${event({ choices: [], usage })}data: [DONE]\n\n`);
}
