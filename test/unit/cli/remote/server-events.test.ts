import { describe, expect, it } from 'vitest';
import { GatewayRefusal, GatewayUnreachable } from '../../../../cli/remote/failures.ts';
import { readServerEvents } from '../../../../cli/remote/server-events.ts';

const event = (id: number, type: string) => `id: ${id}\nevent: ${type}\ndata: {"seq":${id}}\n\n`;

/** A stream of these pieces that ends, or breaks. */
function answer(pieces: readonly string[], breaks = false): Response {
  const bytes = pieces.map((piece) => new TextEncoder().encode(piece));
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const next = bytes.shift();
      if (next !== undefined) controller.enqueue(next);
      else if (breaks) controller.error(new Error('reset'));
      else controller.close();
    },
  });
  return new Response(body);
}

async function collect(after: number, open: Parameters<typeof readServerEvents>[1]): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { id, type, data } of readServerEvents(after, open)) found.push(`${id} ${type} ${data.seq}`);
  return found;
}

describe('a stream of events', () => {
  it('is read whole, wherever its pieces are cut', async () => {
    const text = `: hello\n\n${event(1, 'run.started')}: still at work\n\n${event(2, 'run.completed')}`;
    const found = await collect(0, async () => answer([...text]));
    expect(found).toEqual(['1 run.started 1', '2 run.completed 2']);
  });

  it('that breaks is opened again after the last event', async () => {
    const asked: number[] = [];
    const found = await collect(7, async (after) => {
      asked.push(after);
      if (asked.length === 1) return answer([event(8, 'a'), 'id: 9\nev'], true);
      if (asked.length === 2) throw new GatewayUnreachable('http://gone', 'refused');
      return answer([event(9, 'b')]);
    });
    expect(found).toEqual(['8 a 8', '9 b 9']);
    expect(asked).toEqual([7, 8, 8]);
  });

  it('that is refused is not opened again', async () => {
    let asked = 0;
    const refused = collect(0, async () => {
      asked += 1;
      throw new GatewayRefusal('run_not_found', 'No such run.');
    });
    await expect(refused).rejects.toThrow('No such run.');
    expect(asked).toBe(1);
  });
});
