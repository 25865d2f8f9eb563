import { describe, expect, it } from 'vitest';
import { createCallAssembly } from '../../../../../gateway/agent/models/call-assembly.ts';
import type { Delta } from '../../../../../gateway/agent/models/port.ts';

const made = /^call_[0-9a-f]{32}$/;

describe('calls in pieces', () => {
  it.each([
    [
      'of OpenAI: id and name first, then arguments by index',
      [
        { index: 0, id: 'a', function: { name: 'look', arguments: '' } },
        { index: 0, function: { arguments: '{"q"' } },
        { index: 1, id: 'b', function: { name: 'add', arguments: '' } },
        { index: 0, function: { arguments: ':1}' } },
        { index: 1, function: { arguments: '{}' } },
      ],
      [
        ['a', 'look', '{"q":1}'],
        ['b', 'add', '{}'],
      ],
    ],
    [
      'each whole in one piece, without an index',
      [
        { id: 'a', function: { name: 'look', arguments: '{"q":1}' } },
        { id: 'b', function: { name: 'look', arguments: '{"q":2}' } },
      ],
      [
        ['a', 'look', '{"q":1}'],
        ['b', 'look', '{"q":2}'],
      ],
    ],
    [
      'without an index, the id with every piece',
      [
        { id: 'a', function: { name: 'look', arguments: '{"q"' } },
        { id: 'b', function: { name: 'add', arguments: '{"n"' } },
        { id: 'a', function: { arguments: ':1}' } },
        { id: 'b', function: { arguments: ':2}' } },
      ],
      [
        ['a', 'look', '{"q":1}'],
        ['b', 'add', '{"n":2}'],
      ],
    ],
    [
      'with the name in every piece',
      [
        { index: 0, id: 'a', function: { name: 'look', arguments: '{' } },
        { index: 0, id: 'a', function: { name: 'look', arguments: '}' } },
      ],
      [['a', 'look', '{}']],
    ],
    [
      'of several functions, all under index 0',
      [
        { index: 0, id: 'a', function: { name: 'look', arguments: '{"q":1}' } },
        { index: 0, id: 'b', function: { name: 'look', arguments: '{"q":2}' } },
        { index: 0, id: 'b', function: { arguments: '' } },
      ],
      [
        ['a', 'look', '{"q":1}'],
        ['b', 'look', '{"q":2}'],
      ],
    ],
    [
      'whose id comes late: one is made at once and stays',
      [
        { index: 0, function: { name: 'look', arguments: '{' } },
        { index: 0, id: 'late', function: { arguments: '}' } },
      ],
      [[made, 'look', '{}']],
    ],
    [
      'whose name comes late',
      [
        { index: 0, id: 'a', function: { arguments: '{"q"' } },
        { index: 0, function: { name: 'look', arguments: ':1}' } },
      ],
      [['a', 'look', '{"q":1}']],
    ],
    [
      'with neither id nor index',
      [
        { function: { name: 'look', arguments: '{"q"' } },
        { function: { arguments: ':1}' } },
        { function: { name: 'look', arguments: '{"q":2}' } },
        { function: { name: 'add', arguments: '' } },
      ],
      [
        [made, 'look', '{"q":1}'],
        [made, 'look', '{"q":2}'],
        [made, 'add', '{}'],
      ],
    ],
    [
      'with arguments as an object',
      [{ index: 0, id: 'a', function: { name: 'look', arguments: { q: 1 } } }],
      [['a', 'look', '{"q":1}']],
    ],
    ['without arguments', [{ index: 0, id: 'a', function: { name: 'look' } }], [['a', 'look', '{}']]],
    [
      'with an id that no client could send back',
      [{ index: 0, id: 'x'.repeat(257), function: { name: 'look', arguments: '{}' } }],
      [[made, 'look', '{}']],
    ],
    [
      'with a lone surrogate',
      [{ index: 0, id: 'a', function: { name: 'look', arguments: '{"q":"\ud800"}' } }],
      [['a', 'look', '{"q":"\ud800"}']],
    ],
  ])('%s', (_what, pieces, expected) => {
    const assembly = createCallAssembly();
    const deltas: Delta[] = [];
    for (const piece of pieces) {
      assembly.add(piece);
      deltas.push(...assembly.drain());
    }
    const calls = assembly.finish();
    deltas.push(...assembly.drain());
    expect(calls).toEqual(
      expected.map(([id, name, written]) => ({
        id: id instanceof RegExp ? expect.stringMatching(id) : id,
        type: 'function',
        function: { name, arguments: written },
      })),
    );
    expect(joined(deltas), 'what was streamed').toEqual(calls);
  });

  it('are refused beyond 128 calls', () => {
    const assembly = createCallAssembly();
    for (let index = 0; index < 128; index += 1) assembly.add({ index, function: { name: 'look' } });
    expect(() => assembly.add({ index: 128, function: { name: 'look' } })).toThrow(/more than 128 functions/);
  });

  it('are refused with arguments over 1 MiB', () => {
    const assembly = createCallAssembly();
    const piece = 'x'.repeat(512 * 1024);
    assembly.add({ index: 0, function: { name: 'look', arguments: piece } });
    assembly.add({ index: 0, function: { arguments: piece } });
    expect(() => assembly.add({ index: 0, function: { arguments: 'x' } })).toThrow(/over 1 MiB/);
  });

  it.each([
    ['no name', { index: 0, id: 'a', function: { arguments: '{}' } }],
    ['nothing that is a call', 'garbage'],
  ])('are refused with %s', (_what, piece) => {
    const assembly = createCallAssembly();
    assembly.add(piece);
    expect(assembly.drain()).toEqual([]);
    expect(() => assembly.finish()).toThrow(/without a name/);
  });
});

/** The calls as a client puts them together, which has id and name from the first piece of each. */
function joined(deltas: readonly Delta[]): object[] {
  const calls: { id: unknown; type: string; function: { name: unknown; arguments: string } }[] = [];
  for (const delta of deltas) {
    if (delta.type !== 'tool_call') throw new Error('a piece of text');
    const known = calls[delta.index];
    if (known) known.function.arguments += delta.arguments;
    else {
      calls[delta.index] = {
        id: delta.id,
        type: 'function',
        function: { name: delta.name, arguments: delta.arguments },
      };
    }
  }
  return calls;
}
