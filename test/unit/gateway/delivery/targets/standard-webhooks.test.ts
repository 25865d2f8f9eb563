import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { Agent } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { sendWebhook } from '../../../../../gateway/delivery/targets/webhook.ts';

const current = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const previous = `whsec_${Buffer.from('the secret of the last quarter').toString('base64')}`;
const body = JSON.stringify({ type: 'talaria.run.completed', data: { text: 'Grüße, 世界 😀' } });

const servers: Server[] = [];
const agents: Agent[] = [];

afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.destroy()));
  for (const server of servers.splice(0)) server.close();
});

interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What a receiver gets of a webhook that is signed with these secrets. */
async function received(secrets: readonly string[], now = Date.now()): Promise<Received> {
  const agent = new Agent();
  agents.push(agent);
  return new Promise((resolve, reject) => {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.writeHead(204, { connection: 'close' }).end();
      resolve({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString('utf8') });
    });
    servers.push(server);
    server.listen(0, '127.0.0.1', () => {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const { signal } = new AbortController();
      sendWebhook(agent, { url, id: 'dlv_1', body, secrets, now, answerWithinMs: 5_000, signal }).catch(reject);
    });
  });
}

describe("the library of the Standard Webhooks specification, at the receiver's end,", () => {
  it('verifies what was sent, and reads it', async () => {
    const webhook = await received([current]);
    expect(new Webhook(current).verify(webhook.body, webhook.headers)).toEqual(JSON.parse(body));
    expect(webhook.headers['webhook-id']).toBe('dlv_1');
  });

  it('verifies it with either secret during a rotation', async () => {
    const webhook = await received([current, previous]);
    for (const secret of [current, previous]) {
      expect(new Webhook(secret).verify(webhook.body, webhook.headers)).toEqual(JSON.parse(body));
    }
  });

  it('refuses it with a secret that is no longer valid', async () => {
    const webhook = await received([current]);
    expect(() => new Webhook(previous).verify(webhook.body, webhook.headers)).toThrow(WebhookVerificationError);
  });

  it('refuses it when its body, its id or its time was changed', async () => {
    const { headers, body: text } = await received([current]);
    const verify = (changed: Partial<Received>) => () =>
      new Webhook(current).verify(changed.body ?? text, changed.headers ?? headers);
    expect(verify({})).not.toThrow();
    expect(verify({ body: `${text} ` })).toThrow(WebhookVerificationError);
    expect(verify({ headers: { ...headers, 'webhook-id': 'dlv_2' } })).toThrow(WebhookVerificationError);
    const later = String(Number(headers['webhook-timestamp']) + 1);
    expect(verify({ headers: { ...headers, 'webhook-timestamp': later } })).toThrow(WebhookVerificationError);
  });

  it('refuses what was sent long ago', async () => {
    const webhook = await received([current], Date.now() - 10 * 60_000);
    expect(() => new Webhook(current).verify(webhook.body, webhook.headers)).toThrow('too old');
  });
});
