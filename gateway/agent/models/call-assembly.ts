import { newHexId } from '../../../core/lib/id.ts';
import { type Delta, ModelError, type ToolCall } from './port.ts';

/** Puts the calls of one answer together from `tool_calls` of the chat completions API, whole ones or pieces of a stream. */
export interface CallAssembly {
  /** Takes one entry of `tool_calls`; `place` is its index where it names none. Throws ModelError beyond the bounds. */
  readonly add: (entry: unknown, place?: number) => void;
  /** What came since the last time, for whoever streams. */
  readonly drain: () => readonly Delta[];
  /** All calls, once the answer is complete. Throws ModelError for one without a name. */
  readonly finish: () => readonly ToolCall[];
}

/** As many calls as one message of a conversation may hold, and far longer arguments than any model writes. In characters. */
const maxCalls = 128;
const maxArgumentsLength = 1024 * 1024;
const maxIdLength = 256;

/**
 * Takes the forms that servers really send: pieces without an index, several calls under one index, names that are
 * repeated, arguments as an object. An id that is missing or comes late is made here: any will do that stays the same.
 */
export function createCallAssembly(): CallAssembly {
  const calls: Call[] = [];
  const byIndex = new Map<number, Call>();
  let deltas: Delta[] = [];

  const begin = (part: Part, index: number | undefined): Call => {
    if (calls.length >= maxCalls) throw unusable(`it calls more than ${maxCalls} functions`);
    const call = { at: calls.length, id: idFor(part), givenId: part.id, name: '', written: '', announced: false };
    calls.push(call);
    if (index !== undefined) byIndex.set(index, call);
    return call;
  };

  const announce = (call: Call, written: string) => {
    if (call.name === '') return;
    const head = call.announced ? {} : { id: call.id, name: call.name };
    const piece = call.announced ? written : call.written;
    if (call.announced && piece === '') return;
    call.announced = true;
    deltas.push({ type: 'tool_call', index: call.at, ...head, arguments: piece });
  };

  return {
    add: (entry, place) => {
      const part = readPart(entry);
      const index = part.index ?? place;
      const known = index === undefined ? unindexed(calls, part) : byIndex.get(index);
      const call = known === undefined || isAnother(known, part) ? begin(part, index) : known;
      call.name ||= part.name;
      call.written += part.written;
      if (call.written.length > maxArgumentsLength) throw unusable('the arguments of a call are over 1 MiB');
      announce(call, part.written);
    },
    drain: () => {
      const drained = deltas;
      deltas = [];
      return drained;
    },
    finish: () =>
      calls.map((call) => {
        if (call.name === '') throw unusable('it calls a function without a name');
        if (call.written.trim() === '') {
          call.written = '{}';
          announce(call, '{}');
        }
        return { id: call.id, type: 'function', function: { name: call.name, arguments: call.written } };
      }),
  };
}

/** Why a model stopped: some servers say `stop` for an answer that calls functions, or `tool_calls` for one that calls none. */
export function finishReasonOf(said: string, calls: number): string {
  if (calls > 0) return said === 'stop' ? 'tool_calls' : said;
  return said === 'tool_calls' ? 'stop' : said;
}

interface Call {
  readonly at: number;
  readonly id: string;
  /** As the server sent it; '' when it sent none. */
  readonly givenId: string;
  name: string;
  written: string;
  /** Whether id and name have gone out. */
  announced: boolean;
}

/** One entry of `tool_calls`; '' for what it leaves out. */
interface Part {
  readonly index: number | undefined;
  readonly id: string;
  readonly name: string;
  readonly written: string;
}

function readPart(entry: unknown): Part {
  const { index, id, function: called } = objectOf(entry);
  const { name, arguments: written } = objectOf(called);
  return {
    index: typeof index === 'number' ? index : undefined,
    id: typeof id === 'string' ? id : '',
    name: typeof name === 'string' ? name : '',
    written: typeof written === 'string' ? written : isPresent(written) ? JSON.stringify(written) : '',
  };
}

/** A piece that names another id and a function begins another call, although it has the index of this one. */
function isAnother(call: Call, part: Part): boolean {
  return part.name !== '' && part.id !== '' && call.givenId !== '' && part.id !== call.givenId;
}

/** The call that a piece without an index goes on with: that of its id, else the last one unless that is complete. */
function unindexed(calls: readonly Call[], part: Part): Call | undefined {
  const same = part.id === '' ? undefined : calls.find(({ givenId }) => givenId === part.id);
  const last = calls.at(-1);
  if (same !== undefined || last === undefined || part.name === '') return same ?? last;
  return part.name !== last.name || isJson(last.written) ? undefined : last;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** An id longer than a client may send back is of no use to it. */
function idFor({ id }: Part): string {
  return id !== '' && id.length <= maxIdLength ? id : `call_${newHexId()}`;
}

function isPresent(value: unknown): boolean {
  return value !== null && value !== undefined;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function unusable(why: string): ModelError {
  return new ModelError(`the model server sent an answer that cannot be used: ${why}`, {
    retryable: false,
    failure: 'bad_answer',
  });
}
