import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentEntry } from '../../../../core/snapshot/schema.ts';
import {
  assistantMessage,
  functionCall,
  functionCallOutput,
  type Item,
  openCalls,
  toItems,
} from '../../../../gateway/sessions/items.ts';
import { answerOpenCalls, boundHistory, estimateTokens, orphanResults } from '../../../../gateway/turns/history.ts';
import { configuration } from '../../../harness/entries.ts';

const agentWith = (sessions: Partial<AgentEntry['sessions']>): AgentEntry => {
  const [agent] = configuration({ agents: [{ name: 'main', sessions }] }).snapshot.content.agents;
  if (!agent) throw new Error('one agent');
  return agent;
};

/** Conversations as they are stored: messages, and calls with their results, a little apart or never answered. */
const conversations = fc
  .array(
    fc.oneof(
      fc.string({ maxLength: 60 }).map((text) => [...toItems({ role: 'user', content: text })]),
      fc.string({ maxLength: 60 }).map((text) => [assistantMessage(text)]),
      fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.string({ maxLength: 60 })).map(callsWithResults),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.flat());

let calls = 0;
function callsWithResults([count, areAnswered, result]: [number, boolean, string]): Item[] {
  calls += count;
  const ids = Array.from({ length: count }, (_, at) => `call_${calls - at}`);
  const asked = ids.map((id) => functionCall({ id, type: 'function', function: { name: 'f', arguments: '{}' } }));
  return areAnswered ? [...asked, ...ids.map((id) => functionCallOutput(id, result))] : asked;
}

const bounds = fc.record({
  maxHistoryMessages: fc.integer({ min: 1, max: 40 }),
  maxHistoryTokens: fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined }),
});

describe('the history that the model sees', () => {
  it('is never more than the Agent allows, by messages or by tokens', () => {
    fc.assert(
      fc.property(conversations, bounds, (items, sessions) => {
        const kept = boundHistory(items, agentWith(sessions as Partial<AgentEntry['sessions']>));
        expect(kept.length).toBeLessThanOrEqual(sessions.maxHistoryMessages);
        const tokens = kept.reduce((sum, item) => sum + estimateTokens(item), 0);
        expect(tokens).toBeLessThanOrEqual(sessions.maxHistoryTokens ?? Number.POSITIVE_INFINITY);
      }),
    );
  });

  it('never has a result without its call, and never loses the result of a call that it has', () => {
    fc.assert(
      fc.property(conversations, bounds, (items, sessions) => {
        const kept = boundHistory(items, agentWith(sessions as Partial<AgentEntry['sessions']>));
        expect(orphanResults(kept)).toEqual([]);
        const open = new Set(openCalls(items).map(({ call_id }) => call_id));
        expect(openCalls(kept).filter(({ call_id }) => !open.has(call_id))).toEqual([]);
      }),
    );
  });

  it('is the newest part, in its order', () => {
    fc.assert(
      fc.property(conversations, bounds, (items, sessions) => {
        const kept = boundHistory(items, agentWith(sessions as Partial<AgentEntry['sessions']>));
        const places = kept.map((item) => items.indexOf(item));
        expect(places).toEqual([...places].sort((a, b) => a - b));
        const left = items.slice(places[0] ?? items.length).filter((item) => !kept.includes(item));
        expect(left.every((item) => item.type === 'function_call_output')).toBe(true);
      }),
    );
  });

  it('leaves out what is stored of a kind that this version does not know', () => {
    const known = assistantMessage('said');
    expect(boundHistory([{ type: 'reasoning', id: 'r' }, known, null], agentWith({}))).toEqual([known]);
  });
});

it('every call has a result in what a model is sent, right behind it where nobody answered', () => {
  fc.assert(
    fc.property(conversations, (items) => {
      const answered = answerOpenCalls(items);
      expect(openCalls(answered)).toEqual([]);
      expect(answered.filter((item) => items.includes(item))).toEqual(items);
    }),
  );
});
