import { setTimeout as delay } from 'node:timers/promises';
import { GatewayUnreachable } from './failures.ts';

/** A server-sent event. */
export interface ServerEvent {
  readonly id: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const attempts = 5;
const pauseMs = 1_000;
/** A gateway sends at least a comment each 15 s. */
const silenceMs = 60_000;

/**
 * The events of a stream from after `after` to its end, whole also when the connection breaks: it is opened again with the
 * id of the last event. Throws what `open` throws, or GatewayUnreachable after five attempts in a row that gave nothing.
 */
export async function* readServerEvents(
  after: number,
  open: (lastEventId: number, signal: AbortSignal) => Promise<Response>,
): AsyncGenerator<ServerEvent> {
  let last = after;
  for (let failures = 0; ; ) {
    const abort = new AbortController();
    try {
      for await (const event of eventsIn(await open(last, abort.signal), abort)) {
        failures = 0;
        last = event.id;
        yield event;
      }
      return;
    } catch (error) {
      failures += 1;
      if (!isBroken(error) || failures >= attempts) throw error;
      await delay(pauseMs);
    } finally {
      abort.abort();
    }
  }
}

/** A stream of events ended before its last event. */
export class BrokenStream extends Error {}

/** A gateway that is away for a moment may be back. */
function isBroken(error: unknown): boolean {
  return error instanceof BrokenStream || error instanceof GatewayUnreachable;
}

async function* eventsIn(response: Response, abort: AbortController): AsyncGenerator<ServerEvent> {
  for await (const fields of eventFields(response, abort)) yield* eventOf(fields);
}

/**
 * The fields of each event of one stream, in the order they came; a comment has no `data`. Throws BrokenStream when it breaks off
 * or is silent for a minute.
 */
export async function* eventFields(
  response: Response,
  abort: AbortController,
): AsyncGenerator<ReadonlyMap<string, string>> {
  const timer = setTimeout(() => abort.abort(), silenceMs);
  try {
    let text = '';
    for await (const chunk of chunksOf(response)) {
      timer.refresh();
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      yield* blocks.map(fieldsOf);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function* chunksOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  try {
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) yield chunk;
  } catch (cause) {
    throw new BrokenStream('the stream of events broke off', { cause });
  }
}

function fieldsOf(block: string): ReadonlyMap<string, string> {
  return new Map(block.split('\n').map((line) => [line.split(': ', 1)[0] ?? '', line.slice(line.indexOf(': ') + 2)]));
}

function eventOf(fields: ReadonlyMap<string, string>): ServerEvent[] {
  const data = fields.get('data');
  if (data === undefined) return [];
  const parsed = JSON.parse(data) as Record<string, unknown>;
  return [{ id: Number(fields.get('id') ?? 0), type: fields.get('event') ?? '', data: parsed }];
}
