import { TalariaError } from '../../../core/lib/errors.ts';
import { madeAt } from '../../../core/lib/id.ts';
import { findRepeated } from '../../runs/idempotency.ts';
import { readRun } from '../../runs/read-run.ts';
import { submitWithinLimits } from '../../turns/limited-turn.ts';
import { markRepeated } from '../idempotency-key.ts';
import { admissionOf } from '../request.ts';
import { type AnsweredBy, describeTurn } from '../turn-query.ts';
import { type ResponseState, responseObject, stateOfRun } from './response-object.ts';
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
 * `openResponse` does, and `invalid_request` for one that is not to be stored.
 */
export async function submitResponse(options: ResponseTurnOptions, parsed: ParsedResponse): Promise<object> {
  const { request, body, idempotency } = parsed;
  const { table, principal } = admissionOf(request);
  if (!body.store) throw notStored();
  if (idempotency !== undefined) {
    const repeated = await findRepeated(options.database, principal, idempotency);
    if (repeated?.run !== undefined) return await repeat(options, parsed, repeated.run);
  }
  const { query, session } = await originOf(options, parsed);
  const response = newResponse(body);
  const turn = await submitWithinLimits(options.limits, principal, (admit) =>
    options.stored.submit({ ...turnContent(parsed), table, query, session, idempotency, response, admit }),
  );
  if (turn.kind === 'repeated') return await repeat(options, parsed, turn.run);
  return answer(parsed, { id: response.id, by: turn, state: { status: 'queued', output: [] } });
}

async function repeat({ database }: ResponseTurnOptions, parsed: ParsedResponse, id: string): Promise<object> {
  const run = await readRun(database, admissionOf(parsed.request).principal, id);
  if (run === undefined) {
    throw new TalariaError('run_not_found', 'The response of this Idempotency-Key was deleted.');
  }
  markRepeated(parsed.request, parsed.reply);
  const { agent: agentName, route, rule, session } = run;
  const by = { resolution: { agentName, route, rule }, session, run: run.id };
  return answer(parsed, { id: run.response ?? run.id, by, state: stateOfRun(run) });
}

interface Submitted {
  readonly id: string;
  readonly by: AnsweredBy;
  readonly state: ResponseState;
}

function answer({ request, reply, headers, body }: ParsedResponse, { id, by, state }: Submitted): object {
  describeTurn(request, reply, by, headers);
  const { agentName: agent } = by.resolution;
  const { session } = by;
  return responseObject(
    { id, createdAt: madeAt(id), agent, previous: previousOf(body), session, echoed: body.echoed },
    state,
  );
}

function notStored(): TalariaError {
  const message = 'A response in the background is stored until it is read. Leave store out, or background.';
  return new TalariaError('invalid_request', message, { param: 'store' });
}
