import type { ToolCall } from '../models/port.ts';
import { beginToolSpan } from '../trace-turn.ts';
import type { Tool, ToolContext } from './tool.ts';

/** Whether a person lets a call run. */
export type Approval = 'approved' | 'denied';

/** Asks for the approval of one call and waits for the answer. */
export type AskApproval = (call: ToolCall) => Promise<Approval>;

/**
 * Runs one call of the gateway's own tools and gives what the model reads. A call that fails, is refused or has
 * arguments that are no JSON object is told to the model, which may go on without it. Throws only the signal's reason.
 */
export async function runTool(
  tools: readonly Tool[],
  call: ToolCall,
  context: ToolContext,
  askApproval: AskApproval | undefined,
): Promise<string> {
  const tool = tools.find(({ name }) => name === call.function.name);
  if (tool === undefined) return failure('there is no such tool');
  const input = parseArguments(call.function.arguments);
  if (input === undefined) return failure('its arguments are not a JSON object');
  const span = beginToolSpan(call);
  try {
    if (tool.requiresApproval) {
      if (askApproval === undefined) {
        span?.end('no_approval');
        return failure('it needs an approval, for which this kind of request has no way');
      }
      if ((await orAborted(askApproval(call), context.signal)) === 'denied') {
        span?.end('denied');
        return failure('the call was not approved');
      }
    }
    context.signal.throwIfAborted();
    return (await orAborted(tool.run(input, context), context.signal)).slice(0, longestOutput);
  } catch (error) {
    span?.end(context.signal.aborted ? 'aborted' : 'failed');
    if (context.signal.aborted) throw context.signal.reason;
    return failure(error instanceof Error ? error.message : String(error));
  } finally {
    span?.end();
  }
}

/** In characters; more would fill the model's context with one answer. */
const longestOutput = 256 * 1024;

/** A tool that does not hear the signal must not hold the turn. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    work.catch(() => undefined);
  }
}

function failure(why: string): string {
  return JSON.stringify({ error: `The call failed: ${why}.` });
}

function parseArguments(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
