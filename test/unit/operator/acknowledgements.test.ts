import { describe, expect, it } from 'vitest';
import type { Lease } from '../../../core/kube/resources.ts';
import { createAcknowledgements } from '../../../operator/acknowledgements.ts';
import { createProgrammingLedger } from '../../../operator/programming.ts';
import { emptyContent } from '../../../operator/translate/published.ts';

const durationMs = 40_000;

function setUp() {
  let now = 1_000;
  const acknowledgements = createAcknowledgements({ now: () => now, monotonic: () => now });
  let renewals = 0;
  const lease = (pod: string, sequence: number | undefined, renewTime = String(++renewals)): Lease => ({
    metadata: {
      name: `talaria-gateway-${pod}`,
      annotations: sequence === undefined ? {} : { 'talaria.dev/sequence': String(sequence) },
    },
    spec: { leaseDurationSeconds: durationMs / 1000, renewTime },
  });
  const put = (object: Lease) => acknowledgements.take({ type: 'added', object });
  return {
    ...acknowledgements,
    lease,
    put,
    serve: (pod: string, sequence?: number) => put(lease(pod, sequence)),
    leave: (pod: string) => acknowledgements.take({ type: 'deleted', object: lease(pod, 0) }),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('the acknowledgements of gateways', () => {
  it('are by all what the slowest live replica serves', () => {
    const { serve, byAll, byAny, live } = setUp();
    expect(byAll()).toBeUndefined();
    serve('a', 5);
    serve('b', 3);
    expect([byAll(), byAny(), live()]).toEqual([3, 5, 2]);
    serve('b', 6);
    expect(byAll()).toBe(5);
  });

  it('do not count a replica that has acknowledged nothing yet', () => {
    const { serve, byAll, live } = setUp();
    serve('a', 5);
    serve('b');
    expect([byAll(), live()]).toEqual([5, 1]);
  });

  it('do not wait for a replica that left, or whose renewal was not seen for the duration of its Lease', () => {
    const { serve, leave, byAll, pass } = setUp();
    serve('a', 5);
    serve('b', 3);
    leave('b');
    expect(byAll()).toBe(5);
    serve('c', 1);
    pass(durationMs - 1);
    serve('a', 6);
    expect(byAll()).toBe(1);
    pass(1);
    expect(byAll()).toBe(6);
  });

  it('take a Lease that is there at the start for renewed, whatever time stands in it', () => {
    const { put, lease, byAll, pass } = setUp();
    put(lease('old', 4, '2001-01-01T00:00:00.000000Z'));
    expect(byAll()).toBe(4);
    pass(durationMs);
    expect(byAll()).toBeUndefined();
  });

  it('do not take an event without a renewal for one', () => {
    const { put, lease, byAll, pass } = setUp();
    put(lease('a', 4, 'same'));
    pass(durationMs - 1);
    put(lease('a', 4, 'same'));
    pass(1);
    expect(byAll()).toBeUndefined();
  });

  it('say when an answer changed, and ignore other Leases', () => {
    const { serve, take, pass } = setUp();
    expect(serve('a', 1)).toBe(true);
    expect(serve('a', 1)).toBe(false);
    expect(serve('a', 2)).toBe(true);
    pass(durationMs);
    expect(serve('a', 2)).toBe(true);
    expect(take({ type: 'added', object: { metadata: { name: 'talaria-operator' } } })).toBe(false);
  });

  it('name Leases that expired more than ten minutes ago', () => {
    const { serve, abandoned, pass } = setUp();
    serve('a', 1);
    pass(durationMs + 600_000);
    expect(abandoned()).toEqual([]);
    pass(1);
    expect(abandoned().map(({ metadata }) => metadata.name)).toEqual(['talaria-gateway-a']);
  });
});

describe('the ledger of what is programmed', () => {
  const key = (name: string) => ({ name, uid: name, generation: 1, priority: 0, createdAt: '', rules: [] });

  it('asks of an object only the sequence that first held its present content', () => {
    const { serve, byAll, byAny } = setUp();
    const ledger = createProgrammingLedger({ byAll, byAny }, () => 0);
    const [one, two] = [key('one'), key('two')];
    ledger.published({ ...emptyContent, routes: [one] }, 10);
    expect(ledger.of('one')).toBe('nobody');
    serve('a', 10);
    ledger.published({ ...emptyContent, routes: [one, two] }, 11);
    expect([ledger.of('one'), ledger.of('two')]).toEqual(['acknowledged', 'awaited']);
    serve('a', 11);
    expect(ledger.of('two')).toBe('acknowledged');
    ledger.published({ ...emptyContent, routes: [one, { ...two, generation: 2 }] }, 12);
    expect([ledger.of('one'), ledger.of('two')]).toEqual(['acknowledged', 'awaited']);
  });

  it('takes an entry that was read for the same one as an equal entry that was made', () => {
    const { serve, byAll, byAny } = setUp();
    const ledger = createProgrammingLedger({ byAll, byAny }, () => 0);
    ledger.published({ ...emptyContent, routes: [key('one')] }, 10);
    serve('a', 10);
    ledger.published({ ...emptyContent, routes: [key('one'), key('two')] }, 11);
    expect([ledger.of('one'), ledger.of('two')]).toEqual(['acknowledged', 'awaited']);
  });

  it('knows nothing of what is not published, and forgets what is gone', () => {
    const { serve, byAll, byAny } = setUp();
    const ledger = createProgrammingLedger({ byAll, byAny }, () => 0);
    serve('a', 99);
    ledger.published({ ...emptyContent, routes: [key('one')] }, 10);
    ledger.published(emptyContent, 11);
    expect([ledger.of('one'), ledger.of('never')]).toEqual(['awaited', 'awaited']);
  });

  it('awaits what somebody acknowledged who is gone, instead of saying that nobody is there', () => {
    const { serve, leave, byAll, byAny } = setUp();
    const ledger = createProgrammingLedger({ byAll, byAny }, () => 0);
    ledger.published({ ...emptyContent, routes: [key('one')] }, 10);
    serve('a', 10);
    leave('a');
    expect(ledger.of('one')).toBe('awaited');
  });
});
