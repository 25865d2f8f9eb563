import { createController, done } from '../core/kube/controller.ts';
import type { Logger } from '../core/lib/log.ts';
import type { ConfigurationAudit } from './audit.ts';
import type { EventRecorder } from './events.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { StatusWriter } from './status.ts';
import type { Compilation } from './translate/compilation.ts';
import { type ObjectReport, report, type Unreported } from './translate/report.ts';

/** Brings what there is to say about a compilation to statuses, Events, audit and metrics, some time after it. */
export interface Reporter {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** Only the newest compilation is reported. */
  readonly compiled: (compilation: Compilation) => void;
}

export interface ReporterOptions {
  readonly status: Pick<StatusWriter, 'report'>;
  readonly events: Pick<EventRecorder, 'keyFaults'>;
  readonly audit: Pick<ConfigurationAudit, 'reported'>;
  readonly metrics: Pick<OperatorMetrics, 'countObjects' | 'failures' | 'gatewayKeysRejected'>;
  readonly log: Logger;
  /** Default 100: statuses wait for the gateways anyway, and during these milliseconds the processor belongs to them. */
  readonly delayMs?: number | undefined;
}

/** More than three failures within ten minutes alert, so a fault that lasts must fail oftener. */
const longestBackoffMs = 60_000;

/** Makes a Reporter. An object of which nothing can be said keeps what was last said of the same generation. */
export function createReporter(options: ReporterOptions): Reporter {
  const { status, events, audit, metrics, log, delayMs = 100 } = options;
  let newest: Compilation | undefined;
  let said: readonly ObjectReport[] = [];
  let told: ReadonlySet<string> = new Set();

  /** Each fault once while it lasts: it is the same from compilation to compilation. */
  const tell = (unreported: readonly Unreported[]): void => {
    for (const { key, fault } of unreported) {
      if (told.has(`${key} ${fault}`)) continue;
      log.error({ object: key, where: fault }, 'the operator failed on the status of an object');
    }
    told = new Set(unreported.map(({ key, fault }) => `${key} ${fault}`));
  };

  const controller = createController({
    name: 'report',
    reconcile: async () => {
      if (newest === undefined) return done;
      const { objects, keyFaults, unreported } = report(newest);
      said = unreported.length === 0 ? objects : [...objects, ...lastOf(unreported, said)];
      status.report(said);
      events.keyFaults(keyFaults);
      audit.reported(said);
      metrics.countObjects(said);
      metrics.gatewayKeysRejected.set(keyFaults.length);
      tell(unreported);
      // So that it is counted and tried again for as long as it lasts.
      if (unreported.length > 0) throw new Error(`objects without a report: ${unreported.length}`);
      return done;
    },
    onError: () => metrics.failures.inc({ controller: 'report' }),
    log,
    backoffMaxMs: longestBackoffMs,
  });
  return {
    start: controller.start,
    stop: controller.stop,
    compiled: (compilation) => {
      newest = compilation;
      controller.addAfter('report', delayMs);
    },
  };
}

/** A report of an older generation would claim a status for content that is no longer declared. */
function lastOf(unreported: readonly Unreported[], said: readonly ObjectReport[]): readonly ObjectReport[] {
  const byKey = new Map(unreported.map((one) => [one.key, one]));
  return said.filter(({ key, uid, generation }) => {
    const unsaid = byKey.get(key);
    return unsaid?.uid === uid && unsaid.generation === generation;
  });
}
