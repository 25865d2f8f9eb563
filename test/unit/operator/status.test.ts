import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubeError } from '../../../core/kube/kube-error.ts';
import type { KubeObject } from '../../../core/kube/types.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { createStatusWriter, type StatusWriter } from '../../../operator/status.ts';
import type { ObjectReport } from '../../../operator/translate/report.ts';

const report: ObjectReport = {
  key: 'Agent/coder',
  kind: 'Agent',
  name: 'coder',
  uid: 'uid-1',
  generation: 1,
  entry: undefined,
  suspended: false,
  verdicts: [],
  fields: {},
};
const stored = (resourceVersion: string): KubeObject => ({
  metadata: { name: 'coder', uid: 'uid-1', generation: 1, resourceVersion },
});
const conflict = new KubeError({ status: 409, reason: 'Conflict', message: 'the object has been modified' });

let copy: KubeObject | undefined;
let writer: StatusWriter;
let sent: (string | undefined)[];
let failures: unknown[];
let events: number;
/** What the API server holds. */
let newest: string;

beforeEach(() => {
  vi.useFakeTimers();
  [sent, failures, events, newest] = [[], [], 0, '1'];
  writer = createStatusWriter({
    client: {
      applyStatus: async (_resource, { metadata }) => {
        sent.push(metadata.resourceVersion);
        if (metadata.resourceVersion !== newest) throw conflict;
        return { ...stored('100'), status: { conditions: [] } } as never;
      },
    },
    stored: () => copy,
    ledger: { of: () => 'nobody', ageMs: () => Number.POSITIVE_INFINITY },
    events: {
      conditionsChanged: () => {
        events += 1;
      },
    },
    demandLeadership: () => {},
    breathe: async () => {},
    now: () => 0,
    onWrite: () => {},
    onError: (error) => failures.push(error),
    log: createLogger('test', 'silent'),
  });
  writer.start();
});
afterEach(async () => {
  await writer.stop();
  vi.useRealTimers();
});

describe('a status write', () => {
  it('is for the very copy that was looked at', async () => {
    copy = stored('1');
    writer.report([report]);
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual(['1']);
    expect(events).toBe(1);
  });

  it('that comes too late is made again from the newer copy, at once when the watch brings it, and is no failure', async () => {
    copy = stored('1');
    newest = '2';
    writer.report([report]);
    await vi.advanceTimersByTimeAsync(10);
    expect(events).toBe(0);
    copy = stored('2');
    writer.check('Agent', 'coder');
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual(['1', '2']);
    expect(failures).toEqual([]);
  });

  it('that comes too late is tried once a second when the watch brings nothing', async () => {
    copy = stored('1');
    newest = '2';
    writer.report([report]);
    await vi.advanceTimersByTimeAsync(5_500);
    expect(sent).toHaveLength(6);
    expect(failures).toEqual([]);
  });

  it('is not made about an object that was replaced by another of the same name', async () => {
    copy = { metadata: { ...stored('2').metadata, uid: 'uid-2' } };
    writer.report([report]);
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual([]);
  });
});
