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

/** Makes a Reporter. An object of which nothing can be said keeps what was said of it last. */
export function createReporter(options: ReporterOptions): Reporter {
  const { status, events, audit, metrics, log, delayMs = 100 } = options;
  let newest: Compilation | undefined;
  let said: readonly ObjectReport[] = [];
  let told: ReadonlySet<string> = new Set();

  /** Each fault once while it lasts: it is the same from compilation to compilation. */
  const tell = (unreported: readonly Unreported[]): void => {
    for (const { key, fault } of unreported) {
      metrics.failures.inc({ controller: 'report' });
      if (!told.has(`${key} ${fault}`)) {
        log.error({ object: key, where: fault }, 'the operator failed on the status of an object');
      }
    }
    told = new Set(unreported.map(({ key, fault }) => `${key} ${fault}`));
  };

  const controller = createController({
    name: 'report',
    reconcile: async () => {
      if (newest === undefined) return done;
      const { objects, keyFaults, unreported } = report(newest);
      const keys = new Set(unreported.map(({ key }) => key));
      said = keys.size === 0 ? objects : [...objects, ...said.filter(({ key }) => keys.has(key))];
      status.report(said);
      events.keyFaults(keyFaults);
      audit.reported(said);
      metrics.countObjects(said);
      metrics.gatewayKeysRejected.set(keyFaults.length);
      tell(unreported);
      return done;
    },
    onError: () => metrics.failures.inc({ controller: 'report' }),
    log,
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
