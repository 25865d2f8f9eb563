import { after, type Controller, createController, done, type Outcome } from '../core/kube/controller.ts';
import { hasStatus, isConflict } from '../core/kube/kube-error.ts';
import { agents, cronJobs, routes } from '../core/kube/resources.ts';
import type { KubeClient, KubeObject } from '../core/kube/types.ts';
import { canonicalJson } from '../core/lib/json.ts';
import type { Logger } from '../core/lib/log.ts';
import type { Kind } from '../crds/common.ts';
import type { EventRecorder } from './events.ts';
import { keptObject } from './kept-object.ts';
import { type Condition, type OperatorStatus, objectStatus, operatorTypes } from './object-status.ts';
import type { ProgrammingLedger } from './programming.ts';
import type { ObjectReport } from './translate/report.ts';

/** Brings the status of objects to what translate and the gateways' acknowledgements say. Writes no equal status. */
export interface StatusWriter {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** Takes what is to be said about every object; looks at those about which it is new. */
  readonly report: (objects: readonly ObjectReport[]) => void;
  /** Looks at one object: its stored status changed. */
  readonly check: (kind: Kind, name: string) => void;
  readonly checkAll: () => void;
  /** The acknowledgements changed: looks at the objects that wait for one. */
  readonly acknowledged: () => void;
}

export interface StatusWriterOptions {
  readonly client: Pick<KubeClient, 'applyStatus'>;
  /** The stored object, as the watch knows it. */
  readonly stored: (kind: Kind, name: string) => KubeObject | undefined;
  readonly ledger: Pick<ProgrammingLedger, 'of' | 'ageMs'>;
  readonly events: Pick<EventRecorder, 'conditionsChanged'>;
  /** Asked before each write. Throws when this process does not lead. */
  readonly demandLeadership: () => void;
  /** Called before each look at an object: see breather.ts. */
  readonly breathe: () => Promise<void>;
  /** Wall-clock time in milliseconds. */
  readonly now: () => number;
  readonly onWrite: (kind: Kind) => void;
  readonly onError: (error: unknown) => void;
  readonly log: Logger;
}

const workers = 8;
/**
 * Gateways acknowledge within this time as a rule. The status of what they were just given is not written before, so that
 * most changes need one write, and Ready does not run ahead of what is served.
 */
const usualAcknowledgementMs = 150;
/** The watch brings what was written meanwhile and starts the next look; this is for when it brought it before. */
const conflictRetryMs = 1_000;

const resources = { Agent: agents, Route: routes, CronJob: cronJobs };
const ownedFields: Readonly<Record<Kind, readonly string[]>> = {
  Agent: ['home', 'routes', 'cronJobs', 'claimName'],
  Route: ['rules', 'agents'],
  CronJob: [],
};

interface Stored extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[]; readonly [field: string]: unknown };
}

export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, ledger, events, log } = options;
  const reports = new Map<string, ObjectReport>();
  /** Objects whose present content is not acknowledged yet. */
  const waiting = new Set<string>();
  /**
   * Our own last writes, until the watch has brought them: the stored copy is older than they are. While thousands of
   * objects wait for their turn, so do these.
   */
  const written = new Map<string, Stored>();

  const newest = (report: ObjectReport): Stored | undefined => {
    const copy: Stored | undefined = options.stored(report.kind, report.name);
    if (copy?.metadata.uid !== report.uid) return undefined;
    const own = written.get(report.uid);
    if (own !== undefined && version(own) > version(copy)) return own;
    written.delete(report.uid);
    return copy;
  };

  const reconcile = async (key: string): Promise<Outcome> => {
    await options.breathe();
    const report = reports.get(key);
    const stored = report && newest(report);
    if (report === undefined || stored === undefined) {
      waiting.delete(key);
      return done;
    }
    const before = stored.status?.conditions ?? [];
    const programming = ledger.of(report.uid);
    const status = objectStatus(report, programming, before, options.now());
    if (programming === 'acknowledged' || report.entry === undefined) waiting.delete(key);
    else waiting.add(key);
    if (isEqual(report.kind, stored, status)) return done;
    const youngMs = usualAcknowledgementMs - ledger.ageMs(report.uid);
    if (programming === 'awaited' && youngMs > 0) return after(youngMs);
    const instead = await write(report, stored, status);
    if (instead !== undefined) return instead;
    events.conditionsChanged(report, before, status.conditions);
    return done;
  };

  /**
   * Gives what to do instead when the object is not as it was looked at. Only the resourceVersion tells: the API server
   * ignores a uid here, and the object may have been deleted and made anew. Gateways write to the status too.
   */
  const write = async (report: ObjectReport, looked: Stored, status: OperatorStatus): Promise<Outcome | undefined> => {
    const { kind, name, uid } = report;
    const { resourceVersion = '' } = looked.metadata;
    options.demandLeadership();
    try {
      const answer = await client.applyStatus<Stored>(resources[kind], { metadata: { name, resourceVersion }, status });
      written.set(uid, keptObject(answer, looked));
      options.onWrite(kind);
      return undefined;
    } catch (error) {
      if (isConflict(error)) return after(conflictRetryMs);
      if (!hasStatus(error, 404)) throw error;
      log.debug({ err: error, object: report.key }, 'the object of a status is gone');
      return done;
    }
  };

  const controller: Controller = createController({
    name: 'status',
    reconcile,
    workers,
    log,
    onError: options.onError,
  });

  const forgetAllBut = (keys: ReadonlySet<string>): void => {
    for (const [key, { uid }] of reports) {
      if (keys.has(key)) continue;
      reports.delete(key);
      written.delete(uid);
    }
  };

  return {
    start: controller.start,
    stop: controller.stop,
    report: (objects) => {
      for (const object of objects) {
        if (reports.get(object.key) === object) continue;
        reports.set(object.key, object);
        controller.add(object.key);
      }
      if (reports.size > objects.length) forgetAllBut(new Set(objects.map(({ key }) => key)));
    },
    check: (kind, name) => controller.add(`${kind}/${name}`),
    checkAll: () => {
      for (const key of reports.keys()) controller.add(key);
    },
    acknowledged: () => {
      for (const key of waiting) controller.add(key);
    },
  };
}

function isEqual(kind: Kind, stored: Stored, status: OperatorStatus): boolean {
  const { conditions = [], ...fields } = stored.status ?? {};
  const names = ['observedGeneration', ...ownedFields[kind]];
  const own = {
    ...Object.fromEntries(names.map((name) => [name, fields[name]])),
    conditions: byType(conditions.filter(({ type }) => operatorTypes.includes(type))),
  };
  return canonicalJson(own) === canonicalJson({ ...status, conditions: byType(status.conditions) });
}

function byType(conditions: readonly Condition[]): readonly Condition[] {
  return conditions.toSorted((a, b) => (a.type < b.type ? -1 : 1));
}

/** Resource versions of one kind of object are numbers that grow. */
function version({ metadata }: KubeObject): bigint {
  return BigInt(metadata.resourceVersion ?? 0);
}
