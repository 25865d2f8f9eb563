import { TalariaError } from '../../../core/lib/errors.ts';
import { madeAt } from '../../../core/lib/id.ts';
import { queueRun } from '../queue-run.ts';
import { responseObject, stateOfRun } from './response-object.ts';
import {
  newResponse,
  originOf,
  type ParsedResponse,
  previousOf,
  type ResponseTurnOptions,
  turnContent,
} from './response-turn.ts';

/**
 * Stores a response for the background and gives it as `queued`; a repeated request gets it as it is now. Throws as
 * `openResponse` and `queueRun` do, and `invalid_request` for one that is not to be stored.
 */
export async function submitResponse(options: ResponseTurnOptions, parsed: ParsedResponse): Promise<object> {
  const { body } = parsed;
  if (!body.store) throw notStored();
  const run = await queueRun(options, parsed, async () => {
    const { query, session } = await originOf(options, parsed);
    return { ...turnContent(parsed), query, session, response: newResponse(body) };
  });
  const { agent, session, response: id = run.id } = run;
  const frame = { id, createdAt: madeAt(id), agent, previous: previousOf(body), session, echoed: body.echoed };
  return responseObject(frame, stateOfRun(run));
}

function notStored(): TalariaError {
  const message =
    'store is false, but a response in the background (background is true) is stored until it is read. Leave one of them out.';
  return new TalariaError('invalid_request', message, { param: 'store' });
}
