import type { TurnEvent } from '../../agent/steps.ts';
import type { TurnResult } from '../../agent/turn.ts';
import type { ErrorBody } from '../errors.ts';
import { createItemEvents, type WriteEvent } from './response-item-events.ts';
import { endedState, type ResponseFrame, type ResponseState, responseObject } from './response-object.ts';

/** The events of one streamed response, each ready to be written. They are numbered from 0 on. */
export interface ResponseEvents {
  readonly first: () => string;
  readonly event: (event: TurnEvent) => string;
  /** `completed` or `incomplete`, and the end of the stream. */
  readonly last: (result: TurnResult, completedAt: number | undefined) => string;
  /** `error` and `failed`, with what was said so far, and the end of the stream. */
  readonly failed: (error: ErrorBody['error']) => string;
}

/** Makes the events of the Open Responses specification. The output of the last one is in the order of the stream. */
export function createResponseEvents(frame: ResponseFrame): ResponseEvents {
  const write = createNumbering();
  const items = createItemEvents(write);
  const ofResponse = (type: string, state: ResponseState) =>
    write(type, { response: responseObject(frame, { ...state, output: items.output() }) });
  const begun: ResponseState = { status: 'in_progress', output: [] };
  return {
    first: () => ofResponse('response.created', begun) + ofResponse('response.in_progress', begun),
    event: items.event,
    last: (result, completedAt) => {
      const state = endedState(result, completedAt);
      return ofResponse(`response.${state.status}`, state) + endOfStream;
    },
    failed: (error) => {
      const { code, message, param } = error;
      // The specification has the error in a member of its own, the official SDKs' types have it flat.
      const failure = write('error', { code, message, param, error });
      const state: ResponseState = { status: 'failed', output: [], error: { code, message } };
      return failure + ofResponse('response.failed', state) + endOfStream;
    },
  };
}

/** "The terminal event MUST be the literal string `[DONE]`", says the specification. */
const endOfStream = 'data: [DONE]\n\n';

function createNumbering(): WriteEvent {
  let sequence = 0;
  return (type, fields) => {
    const data = JSON.stringify({ type, sequence_number: sequence, ...fields });
    sequence += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  };
}
