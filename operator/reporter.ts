import { createController, done, TerminalError } from '../core/kube/controller.ts';
import type { Logger } from '../core/lib/log.ts';
import type { ConfigurationAudit } from './audit.ts';
import type { EventRecorder } from './events.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { StatusWriter } from './status.ts';
import type { Compilation } from './translate/compilation.ts';
import { report, type Unreported } from './translate/report.ts';

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
}

/** Statuses wait for the gateways anyway, and during these the processor belongs to them. */
const delayMs = 100;

export function createReporter({ status, events, audit, metrics, log }: ReporterOptions): Reporter {
  let newest: Compilation | undefined;
  const controller = createController({
    name: 'report',
    reconcile: async () => {
      if (newest === undefined) return done;
      const { objects, keyFaults, unreported } = report(newest);
      status.report(objects);
      events.keyFaults(keyFaults);
      audit.reported(objects);
      metrics.countObjects(objects);
      metrics.gatewayKeysRejected.set(keyFaults.length);
      demandReported(unreported);
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

/** For the log and the count of failures; the statuses of all others are under way by then. */
function demandReported(unreported: readonly Unreported[]): void {
  const [first] = unreported;
  if (first === undefined) return;
  const keys = unreported.slice(0, 20).map(({ key }) => key);
  throw new TerminalError(
    `the operator failed on the status of ${unreported.length} objects (${keys.join(', ')}), which stays as it was: ${first.where}`,
  );
}
