import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createAdminClient } from '../../../../cli/remote/admin-client.ts';
import { explainFailure } from '../../../../cli/remote/failures.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let stop: () => void = () => undefined;
afterEach(() => stop());

async function gateway(answer: Answer): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function json(body: object, status = 200): Answer {
  return (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function failureOf(work: Promise<unknown>) {
  return explainFailure(
    await work.then(
      () => new Error('it worked'),
      (error: unknown) => error,
    ),
  );
}

describe('a client of the admin API', () => {
  it('gives the newest of what was said in a session in the order in which it was said', async () => {
    const asked: string[] = [];
    const url = await gateway((request, response) => {
      asked.push(request.url ?? '');
      json({ data: [{ id: 'c' }, { id: 'b' }], last_id: 'b', has_more: true })(request, response);
    });
    const { entries, hasMore } = await createAdminClient({ url, key: undefined }).sessions.items('ses_1', 2);
    expect({ ids: entries.map(({ id }) => id), hasMore }).toEqual({ ids: ['b', 'c'], hasMore: true });
    expect(asked).toEqual(['/admin/v1/sessions/ses_1/items?order=desc&limit=2']);
  });

  it('reads page after page until it has as many as are wanted', async () => {
    const asked: string[] = [];
    const url = await gateway((request, response) => {
      asked.push(request.url ?? '');
      const at = asked.length;
      const data = [{ name: `a${at}` }, { name: `b${at}` }];
      json({ object: 'list', data, last_id: `b${at}`, has_more: at < 3 })(request, response);
    });
    const { jobs } = createAdminClient({ url: `${url}/`, key: undefined });
    const all = await jobs.list({ agent: 'clerk', status: undefined }, 0);
    expect({ names: all.entries.map(({ name }) => name), hasMore: all.hasMore }).toEqual({
      names: ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'],
      hasMore: false,
    });
    expect(asked).toEqual([
      '/admin/v1/jobs?agent=clerk&limit=100',
      '/admin/v1/jobs?agent=clerk&limit=100&after=b1',
      '/admin/v1/jobs?agent=clerk&limit=100&after=b2',
    ]);
    asked.length = 0;
    expect(await jobs.list({}, 2)).toMatchObject({ hasMore: true, entries: [{ name: 'a1' }, { name: 'b1' }] });
    expect(asked).toEqual(['/admin/v1/jobs?limit=2']);
  });

  it('sends its key, and names in paths whatever they hold', async () => {
    const asked: unknown[] = [];
    const url = await gateway((request, response) => {
      asked.push([request.method, request.url, request.headers.authorization]);
      json({})(request, response);
    });
    await createAdminClient({ url, key: 'k' }).jobs.pause('../runs?x');
    expect(asked).toEqual([['POST', '/admin/v1/jobs/..%2Fruns%3Fx/pause', 'Bearer k']]);
  });

  it('tells what the gateway refused, with the cure for the command line where it is another', async () => {
    const refuse = (code: string, message: string) => gateway(json({ error: { code, message } }, 409));
    const url = await refuse('job_not_started', 'A run of it is active. Wait for it.');
    expect(await failureOf(createAdminClient({ url, key: 'k' }).jobs.run('x'))).toEqual({
      text: 'A run of it is active. Wait for it. (job_not_started)',
      exitCode: 1,
    });
    stop();
    const other = await refuse(
      'invalid_key',
      'The API key is not valid. Send a valid one as `Authorization: Bearer KEY`.',
    );
    expect(await failureOf(createAdminClient({ url: other, key: 'k' }).jobs.run('x'))).toEqual({
      text: 'The API key is not valid. Give a key with --key or TALARIA_API_KEY. (invalid_key)',
      exitCode: 1,
    });
  });

  it('tells that what answers is no gateway, and that nothing answers', async () => {
    const url = await gateway((_, response) => response.writeHead(502).end('<html>'));
    const failure = await failureOf(createAdminClient({ url, key: 'k' }).runs.read('x'));
    expect(failure).toMatchObject({ exitCode: 3, text: expect.stringContaining('HTTP 502 of something that is no') });
    const dead = { url: 'http://127.0.0.1:1', key: undefined, failure: () => 'the pod is gone' };
    expect((await failureOf(createAdminClient(dead).runs.read('x'))).text).toContain('the pod is gone');
  });

  it('never prints a key, not even one that cannot be sent', async () => {
    const url = await gateway(json({}));
    const failure = await failureOf(createAdminClient({ url, key: 'planted\nsecret' }).runs.read('x'));
    expect(failure).toMatchObject({ exitCode: 3, text: expect.stringContaining('visible ASCII') });
    expect(failure.text).not.toContain('planted');
  });
});
