import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { ModelSettings } from '../../../core/snapshot/schema.ts';
import { finishReasonOf } from './call-assembly.ts';
import { type AnswerSink, ExchangeTimeout, exchange } from './exchange.ts';
import {
  connectionFailure,
  endedEarly,
  maxAnswerBytes,
  maxSilenceMs,
  refusedAnswer,
  tooLarge,
  tooSlow,
} from './model-failure.ts';
import { type Delta, type ModelAnswer, type ModelCall, type ModelClient, ModelError } from './port.ts';
import { requestBody } from './request-body.ts';
import { type Answer, readChunk, readWhole } from './response-body.ts';
import { createSseParser } from './sse.ts';

/** One model behind the chat completions wire format of OpenAI. */
export interface OpenAiCompatibleOptions {
  readonly settings: Pick<ModelSettings, 'provider' | 'name' | 'parameters' | 'timeoutSeconds'>;
  /** Without `/chat/completions`. */
  readonly baseURL: string;
  /** Sent to `baseURL` only; redirects are not followed. */
  readonly apiKey: string | undefined;
  readonly dispatcher: Dispatcher;
}

/**
 * A thin streaming client. A call ends after `timeoutSeconds` (to the last byte), at a long silence, or with the limit of
 * its turn, and each of them closes the request to the server. Text and calls are handed on as they come and no faster
 * than `onDelta` takes them.
 */
export function createOpenAiCompatibleModel(options: OpenAiCompatibleOptions): ModelClient {
  const { settings, apiKey, dispatcher } = options;
  const { origin, pathname, search } = new URL(`${options.baseURL.replace(/\/+$/, '')}/chat/completions`);
  const totalMs = settings.timeoutSeconds * 1_000;
  const request = {
    origin,
    path: pathname + search,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    headersTimeout: totalMs,
    bodyTimeout: Math.min(totalMs, maxSilenceMs),
  } as const;
  return {
    complete: async (call) => {
      const reader = createReader(call);
      try {
        const limits = { limit: call.limit, totalMs };
        await exchange(dispatcher, { ...request, body: requestBody(settings, call) }, reader, limits);
        return await reader.result(settings.name, apiKey);
      } catch (error) {
        call.limit.throwIfOver();
        if (error instanceof ExchangeTimeout) throw tooSlow(settings.timeoutSeconds, error);
        throw error instanceof ModelError ? error : connectionFailure(error, origin);
      }
    },
  };
}

interface Reader extends AnswerSink {
  readonly result: (model: string, apiKey: string | undefined) => ModelAnswer | Promise<ModelAnswer>;
}

/** Reads a stream event by event, and everything else, errors included, as a whole. */
function createReader(call: ModelCall): Reader {
  const pieces: Buffer[] = [];
  let head: { readonly status: number; readonly headers: IncomingHttpHeaders } = { status: 0, headers: {} };
  let stream: StreamReader | undefined;
  let received = 0;
  return {
    onHead: (status, headers) => {
      head = { status, headers };
      const streamed = String(headers['content-type'] ?? '').startsWith('text/event-stream');
      if (streamed && status === 200) stream = createStreamReader(call);
    },
    onData: (bytes) => {
      if (head.status === 200) call.onAnswer?.();
      received += bytes.byteLength;
      if (received > maxAnswerBytes) throw tooLarge();
      if (stream) return stream.take(bytes);
      pieces.push(bytes);
    },
    isComplete: () => stream?.isDone() ?? false,
    result: (model, apiKey) => {
      if (stream) return toModelAnswer(stream.result(), model, call);
      const text = (pieces.length === 1 ? pieces[0] : Buffer.concat(pieces))?.toString('utf8') ?? '';
      if (head.status !== 200) throw refusedAnswer(head.status, head.headers, text, apiKey);
      const answer = readWhole(text);
      const said = answer.text === '' ? undefined : call.onDelta?.({ type: 'text', text: answer.text });
      return said === undefined
        ? toModelAnswer(answer, model, call)
        : said.then(() => toModelAnswer(answer, model, call));
    },
  };
}

/** Hands on what is left of the calls; without any there is nothing to wait for. */
function toModelAnswer(
  { text, finishReason, usage, calls }: Answer,
  model: string,
  call: ModelCall,
): ModelAnswer | Promise<ModelAnswer> {
  const toolCalls = calls?.finish() ?? [];
  const answer = { text, toolCalls, finishReason: finishReasonOf(finishReason, toolCalls.length), usage, model };
  return calls === undefined ? answer : handOn(calls.drain(), call).then(() => answer);
}

async function handOn(deltas: readonly Delta[], { onDelta, limit }: ModelCall): Promise<void> {
  for (const delta of onDelta ? deltas : []) {
    limit.throwIfOver();
    await onDelta?.(delta);
  }
}

interface StreamReader {
  readonly take: (bytes: Buffer) => void | Promise<void>;
  /** Whether `[DONE]` came. */
  readonly isDone: () => boolean;
  /** Throws when the stream ended without saying why; some servers leave `[DONE]` out, which is no harm. */
  readonly result: () => Answer;
}

function createStreamReader(call: ModelCall): StreamReader {
  const { onDelta } = call;
  const parser = createSseParser();
  const answer: Answer = { text: '', finishReason: '', usage: { inputTokens: 0, outputTokens: 0 } };
  let done = false;
  return {
    take: (bytes) => {
      let text = '';
      for (const data of parser.feed(bytes)) {
        done ||= data === '[DONE]';
        if (!done) text += readChunk(data, answer);
      }
      if (onDelta === undefined) return;
      if (answer.calls === undefined) return text === '' ? undefined : onDelta({ type: 'text', text });
      const deltas = answer.calls.drain();
      return handOn(text === '' ? deltas : [{ type: 'text', text }, ...deltas], call);
    },
    isDone: () => done,
    result: () => {
      if (answer.finishReason !== '') return answer;
      throw endedEarly();
    },
  };
}
