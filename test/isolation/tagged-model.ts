import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One message as the digests count it. */
export interface Said {
  readonly role: string;
  readonly content: string;
}

/** A model server that says what it found in its instructions, what key it got, and which conversation it saw. */
export interface TaggedModel {
  readonly baseURL: string;
  readonly stop: () => Promise<void>;
}

/** Starts one on loopback, with the wire format of OpenAI, streamed or whole. */
export async function startTaggedModel(): Promise<TaggedModel> {
  const server = createServer((request, response) => void answer(request, response));
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The conversation without the instructions, as one text that no other conversation gives. */
export function digestOf(conversation: readonly Said[]): string {
  const text = JSON.stringify(conversation.map(({ role, content }) => [role, content]));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const body = JSON.parse(Buffer.concat(pieces).toString('utf8')) as { messages: readonly Said[]; stream?: boolean };
  const conversation = body.messages.filter(({ role }) => role !== 'system');
  const instructions = body.messages.find(({ role }) => role === 'system')?.content ?? '';
  const text = JSON.stringify({
    tag: /<(.*?)>/.exec(instructions)?.[1] ?? '',
    key: (request.headers.authorization ?? '').replace('Bearer ', ''),
    asked: conversation.at(-1)?.content ?? '',
    digest: digestOf(conversation),
  });
  const frame = { id: 'c', created: 1, model: 'm' };
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  if (body.stream !== true) {
    const choices = [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...frame, object: 'chat.completion', choices, usage }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const event = (fields: object) =>
    `data: ${JSON.stringify({ ...frame, object: 'chat.completion.chunk', ...fields })}\n\n`;
  response.write(event({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }] }));
  response.write(event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }));
  response.end(`${event({ choices: [], usage })}data: [DONE]\n\n`);
}
