import { Counter, Gauge, Registry } from 'prom-client';
import { rejectionReasons } from '../core/snapshot/decode.ts';
import { createTally, type Tally } from './tally.ts';
import { createTimings, type Timings } from './timings.ts';

/** The gateway's metrics and the one registry that `/metrics` prints; other parts add their own to `registry`. */
export interface Metrics {
  readonly registry: Registry;
  /** Requests answered, by `path` (the route's pattern), `status` and error `code` ('' on success). */
  readonly requests: Tally;
  /** Seconds from the first byte of a request to the last of its answer, by `path`. */
  readonly requestSeconds: Timings;
  /** Turns by `agent` and `outcome` (`completed` or an error code). */
  readonly turns: Tally;
  /** Tokens by `agent` and `direction` (`input`, `output`), as the model servers reported them. */
  readonly tokens: Tally;
  /** Configurations not taken, by `reason`; the last good one went on serving. */
  readonly configRejected: Counter<'reason'>;
  /** Changes that a watch of the API server lost and a relist found. */
  readonly watchMissed: Counter;
  /** The sequence of the snapshot in force. */
  readonly configSequence: Gauge;
  /** 1 while the database can be used, else 0. */
  readonly stateAvailable: Gauge;
}

/** Makes every metric at zero in a registry of its own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const configRejected = new Counter({
    name: 'talaria_config_rejected_total',
    help: 'Configurations not taken; the last good one went on serving.',
    labelNames: ['reason'],
    registers,
  });
  // To Prometheus an increase from nothing is none.
  for (const reason of rejectionReasons) configRejected.inc({ reason }, 0);
  return {
    registry,
    requests: createTally({
      name: 'talaria_http_requests_total',
      help: 'HTTP requests answered.',
      labelNames: ['path', 'status', 'code'],
      registers,
    }),
    requestSeconds: createTimings({
      name: 'talaria_http_request_seconds',
      help: 'Time from the start of an HTTP request to the end of its answer.',
      labelNames: ['path'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registers,
    }),
    turns: createTally({
      name: 'talaria_turns_total',
      help: 'Agent turns by their outcome.',
      labelNames: ['agent', 'outcome'],
      registers,
    }),
    tokens: createTally({
      name: 'talaria_tokens_total',
      help: 'Tokens that model servers reported.',
      labelNames: ['agent', 'direction'],
      registers,
    }),
    configRejected,
    watchMissed: new Counter({
      name: 'talaria_watch_missed_total',
      help: 'Changes that a watch of the API server lost and a relist found.',
      registers,
    }),
    configSequence: new Gauge({
      name: 'talaria_config_sequence',
      help: 'Sequence of the snapshot in force.',
      registers,
    }),
    stateAvailable: new Gauge({
      name: 'talaria_state_available',
      help: 'Whether the database can be used.',
      registers,
    }),
  };
}
