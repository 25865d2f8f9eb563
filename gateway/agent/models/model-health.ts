import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../../core/lib/clock.ts';
import { createTally } from '../../tally.ts';
import { createTimings } from '../../timings.ts';
import { addressOf, type OneModel, type WatchCall } from './models.ts';

/** Agents' authors choose the hosts: what is beyond this many in the life of a process is told together, as `other`. */
const mostHosts = 500;
/** A model that nobody called for so long says nothing of its health any more. */
const forgottenAfterMs = 3_600_000;

/**
 * Adds the metrics of models to a registry and gives what counts each call. Series are by the Agent that called and by the
 * host of the model server, `echo` for the model of that name; the time of calls is by host alone.
 */
export function watchModelHealth(registry: Registry, clock: Clock): WatchCall {
  const registers = [registry];
  const calls = createTally({
    name: 'talaria_model_calls_total',
    help: 'Calls of models, each try by itself, by outcome: ok, aborted (the turn ended first), or why the call failed.',
    labelNames: ['agent', 'host', 'outcome'],
    registers,
  });
  const seconds = createTimings({
    name: 'talaria_model_call_seconds',
    help: 'Time from the start of a call of a model to the end of its answer, of calls that were answered.',
    labelNames: ['host'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
    registers,
  });
  const health = new Map<string, Health>();
  new Gauge({
    name: 'talaria_model_healthy',
    help: 'Whether the last call of an Agent at a model server was answered, of the last hour.',
    labelNames: ['agent', 'host'],
    registers,
    collect() {
      this.reset();
      for (const [key, { agent, host, healthy, at }] of health) {
        if (clock.monotonic() - at >= forgottenAfterMs) health.delete(key);
        else this.set({ agent, host }, healthy ? 1 : 0);
      }
    },
  });
  const hosts = createHostNames();
  return ({ agent, settings }) => {
    const startedAt = clock.monotonic();
    return (outcome) => {
      const host = hosts(settings);
      calls.add(1, agent, host, outcome);
      if (outcome === 'aborted') return;
      const at = clock.monotonic();
      health.set(`${agent} ${host}`, { agent, host, healthy: outcome === 'ok', at });
      if (outcome === 'ok') seconds.observe(host, (at - startedAt) / 1_000);
    };
  };
}

interface Health {
  readonly agent: string;
  readonly host: string;
  readonly healthy: boolean;
  /** Of the monotonic clock. */
  readonly at: number;
}

/** Host and port of a model's address. */
function createHostNames(): (settings: OneModel) => string {
  const known = new Set<string>();
  const ofSettings = new WeakMap<OneModel, string>();
  return (settings) => {
    const found = ofSettings.get(settings);
    if (found !== undefined) return found;
    const address = addressOf(settings);
    const host = address === undefined ? settings.provider : (URL.parse(address)?.host ?? 'other');
    const name = known.has(host) || known.size < mostHosts ? host : 'other';
    known.add(name);
    ofSettings.set(settings, name);
    return name;
  };
}
