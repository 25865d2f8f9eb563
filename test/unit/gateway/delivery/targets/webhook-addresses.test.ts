import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sendWebhook } from '../../../../../gateway/delivery/targets/webhook.ts';
import { createEgressPolicy, guardedConnector } from '../../../../../gateway/egress.ts';

type Answer = (error: null, addresses: LookupAddress[]) => void;

/** What the name servers say, one answer for each question; the last one stays. */
const names = vi.hoisted(() => ({ answers: [] as string[][], asked: 0 }));

vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  lookup: (_: string, __: LookupAllOptions, callback: Answer) => {
    const addresses = names.answers[Math.min(names.asked, names.answers.length - 1)] ?? [];
    names.asked += 1;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  },
}));

const servers: Server[] = [];
const agents: Agent[] = [];

afterEach(async () => {
  names.answers = [];
  names.asked = 0;
  await Promise.all(agents.splice(0).map((agent) => agent.destroy()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A receiver on 127.0.0.1, which tells how often it was reached. */
async function receiver(status = 200, headers: Record<string, string> = {}) {
  const reached: string[] = [];
  const server = createServer((request, response) => {
    reached.push(request.url ?? '');
    response.writeHead(status, { connection: 'close', ...headers }).end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, reached };
}

function sender(allow: readonly string[] = []) {
  const policy = createEgressPolicy({ kind: 'delivery', allow, privateNetworks: false });
  const agent = new Agent({ connect: guardedConnector(policy, 1_000) });
  agents.push(agent);
  return (url: string) =>
    sendWebhook(agent, {
      url,
      id: 'dlv_1',
      body: '{}',
      secrets: [],
      now: Date.UTC(2026, 0, 1),
      answerWithinMs: 2_000,
      signal: new AbortController().signal,
    });
}

describe('a webhook to the metadata service', () => {
  it.each([
    ['169.254.169.254', 'by its address'],
    ['2852039166', 'by its decimal address'],
    ['0xa9fea9fe', 'by its hexadecimal address'],
    ['0251.0376.0251.0376', 'by its octal address'],
    ['169.254.43518', 'by a short address'],
    ['[::ffff:169.254.169.254]', 'by its address mapped to IPv6'],
    ['[::ffff:a9fe:a9fe]', 'by its address mapped to IPv6, in hexadecimal'],
    ['[64:ff9b::a9fe:a9fe]', 'by its address translated to IPv6'],
    ['[2002:a9fe:a9fe::]', 'by its 6to4 address'],
    ['[fd00:ec2::254]', 'by its IPv6 address'],
  ])('%s, %s, is refused for good', async (host) => {
    const result = await sender()(`http://${host}/latest/meta-data/`);
    expect(result).toMatchObject({
      kind: 'not-sent',
      final: true,
      error: expect.stringContaining('a metadata address, which may not be reached'),
    });
  });

  it.each([['169.254.169.254'], ['::ffff:169.254.169.254'], ['fd00:ec2::254']])(
    'by a name that is at %s is refused for good',
    async (address) => {
      names.answers = [[address]];
      expect(await sender()('http://metadata.google.internal/')).toMatchObject({
        kind: 'not-sent',
        final: true,
        error: expect.stringMatching(/^metadata\.google\.internal is at .*, a metadata address/),
      });
      expect(names.asked).toBe(1);
    },
  );

  it('by a redirect of a receiver that may be reached is not sent', async () => {
    const { port, reached } = await receiver(307, { location: 'http://169.254.169.254/latest/meta-data/' });
    const result = await sender(['127.0.0.1'])(`http://127.0.0.1:${port}/`);
    expect(result).toMatchObject({ final: true, error: expect.stringContaining('redirects are not followed') });
    expect(reached).toEqual(['/']);
  });
});

describe('a name that resolves differently the second time', () => {
  it('is asked for once: the connection goes to the very address that was checked', async () => {
    const { port, reached } = await receiver();
    names.answers = [['127.0.0.1'], ['169.254.169.254']];
    const send = sender(['127.0.0.1']);
    expect(await send(`http://rebinding.example:${port}/first`)).toEqual({ kind: 'sent' });
    expect([names.asked, reached]).toEqual([1, ['/first']]);
    expect(await send(`http://rebinding.example:${port}/second`)).toMatchObject({ kind: 'not-sent', final: true });
    expect([names.asked, reached]).toEqual([2, ['/first']]);
  });

  it('to a harmless address does not undo the refusal of the first', async () => {
    const { port, reached } = await receiver();
    names.answers = [['169.254.169.254'], ['127.0.0.1']];
    const result = await sender(['127.0.0.1'])(`http://rebinding.example:${port}/`);
    expect(result).toMatchObject({ kind: 'not-sent', final: true });
    expect([names.asked, reached]).toEqual([1, []]);
  });

  it('is reached at those of its addresses that may be reached, and at no other', async () => {
    const { port, reached } = await receiver();
    names.answers = [['169.254.169.254', '10.0.0.1', '127.0.0.1']];
    expect(await sender(['127.0.0.1'])(`http://many.example:${port}/`)).toEqual({ kind: 'sent' });
    expect(reached).toEqual(['/']);
  });
});
