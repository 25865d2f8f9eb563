import type { Dispatcher } from 'undici';
import { deadline } from '../../../core/lib/deadline.ts';
import type { ModelSettings } from '../../../core/snapshot/schema.ts';
import { connectionFailure, refusedAnswer } from './model-failure.ts';
import { type ModelCall, type ModelClient, ModelError, type TurnResult } from './port.ts';
import { requestBody } from './request-body.ts';
import { type Answer, readChunk, readWhole } from './response-body.ts';
import { createSseParser } from './sse.ts';

/** One model behind the chat completions wire format of OpenAI. */
export interface OpenAiCompatibleOptions {
  readonly settings: Pick<ModelSettings, 'name' | 'parameters' | 'timeoutSeconds'>;
  /** Without `/chat/completions`. */
  readonly baseURL: string;
  /** Sent to `baseURL` only; redirects are not followed. */
  readonly apiKey: string | undefined;
  readonly dispatcher: Dispatcher;
}

/** A server that is silent for longer inside an answer has gone. */
const maxSilenceMs = 120_000;
const maxAnswerBytes = 32 * 1024 * 1024;

/**
 * A thin streaming client. A call ends at its deadline (`timeoutSeconds`, to the last byte), at a long silence, or when
 * its signal aborts, and each of them closes the request to the server. Text is handed on as it comes and no faster than
 * `onDelta` takes it.
 */
export function createOpenAiCompatibleModel(options: OpenAiCompatibleOptions): ModelClient {
  const { origin, pathname, search } = new URL(`${options.baseURL.replace(/\/+$/, '')}/chat/completions`);
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
  };
  return {
    complete: async (call) => {
      const totalMs = options.settings.timeoutSeconds * 1_000;
      using limit = deadline(totalMs, call.signal);
      try {
        const response = await options.dispatcher.request({
          origin,
          path: pathname + search,
          method: 'POST',
          headers,
          body: requestBody(options.settings, call),
          signal: limit.signal,
          headersTimeout: totalMs,
          bodyTimeout: Math.min(totalMs, maxSilenceMs),
        });
        return await readAnswer(response, call, options);
      } catch (error) {
        if (call.signal.aborted) throw call.signal.reason;
        if (limit.expired()) throw tooSlow(options.settings.timeoutSeconds, error);
        throw error instanceof ModelError ? error : connectionFailure(error, origin);
      }
    },
  };
}

async function readAnswer(
  response: Dispatcher.ResponseData,
  call: ModelCall,
  options: OpenAiCompatibleOptions,
): Promise<TurnResult> {
  if (response.statusCode !== 200) throw await refusedAnswer(response, options.apiKey);
  const streamed = String(response.headers['content-type'] ?? '').startsWith('text/event-stream');
  const answer = streamed ? await readStream(response.body, call) : readWhole(await readText(response.body));
  if (!streamed && answer.text !== '') await call.onDelta?.(answer.text);
  return { text: answer.text, finishReason: answer.finishReason, usage: answer.usage, model: options.settings.name };
}

async function readStream(body: AsyncIterable<Uint8Array>, call: ModelCall): Promise<Answer> {
  const parser = createSseParser();
  const answer: Answer = { text: '', finishReason: '', usage: { inputTokens: 0, outputTokens: 0 } };
  let received = 0;
  for await (const bytes of body) {
    received = countBytes(received, bytes);
    for (const data of parser.feed(bytes)) {
      if (data === '[DONE]') return finished(answer);
      const delta = readChunk(data, answer);
      if (delta !== '') await call.onDelta?.(delta);
    }
  }
  return finished(answer);
}

/** A stream that ends without saying why was cut, unless it was done: some servers leave `[DONE]` out. */
function finished(answer: Answer): Answer {
  if (answer.finishReason !== '') return answer;
  throw new ModelError('the model server ended its answer before it was complete', { retryable: true });
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let received = 0;
  for await (const bytes of body) {
    received = countBytes(received, bytes);
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function countBytes(before: number, bytes: Uint8Array): number {
  const received = before + bytes.byteLength;
  if (received <= maxAnswerBytes) return received;
  throw new ModelError('the answer of the model server is over 32 MiB', { retryable: false });
}

function tooSlow(seconds: number, cause: unknown): ModelError {
  return new ModelError(`the model server did not finish within ${seconds} s (model.timeoutSeconds)`, {
    retryable: false,
    cause,
  });
}
