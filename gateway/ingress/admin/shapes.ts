import { z } from 'zod';
import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire, type WirePrefix } from '../../../core/lib/id.ts';

/** An instant on the wire, null where there is none yet. */
export function seconds(description = '') {
  return z.int().nullable().describe(`${description} Unix seconds.`.trim());
}

/** The name of a resource in a query. */
export function nameInQuery(kind: 'Agent' | 'CronJob') {
  return z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, `it is no name of ${kind === 'Agent' ? 'an Agent' : 'a CronJob'}`);
}

/** The UUID of an id in a query. Throws `invalid_request` when it is none. */
export function idInQuery(prefix: WirePrefix, wireId: string | undefined, param: string): string | undefined {
  const id = wireId === undefined ? undefined : fromWire(prefix, wireId);
  if (id !== undefined || wireId === undefined) return id;
  throw new TalariaError('invalid_request', `${param} is no id: one begins with ${prefix}_.`, { param });
}
