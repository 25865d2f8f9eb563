import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../../gateway/config/environment.ts';

const least = {
  TALARIA_NAMESPACE: 'team',
  POD_NAME: 'gateway-1',
  DATABASE_URL: 'postgres://talaria:hunter2@db/talaria',
  KUBECONFIG: '/etc/kubeconfig',
};

describe('the environment', () => {
  it('has defaults for what is optional', () => {
    expect(readEnvironment(least)).toEqual({
      namespace: 'team',
      podName: 'gateway-1',
      podUid: undefined,
      databaseUrl: least.DATABASE_URL,
      databaseDirectUrl: least.DATABASE_URL,
      logLevel: 'info',
      listen: { host: '0.0.0.0', port: 8080 },
      stateDir: undefined,
      homesDir: undefined,
      credentialsDir: undefined,
      kubeconfig: '/etc/kubeconfig',
    });
  });

  it.each([
    ['127.0.0.1:9000', { host: '127.0.0.1', port: 9000 }],
    ['[::]:8080', { host: '::', port: 8080 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
  ])('listens on %s', (text, listen) => {
    expect(readEnvironment({ ...least, TALARIA_LISTEN: text }).listen).toEqual(listen);
  });

  it('needs no kubeconfig inside a cluster, and a direct URL only behind a pooler', () => {
    const { KUBECONFIG: _none, ...rest } = least;
    const direct = 'postgresql://direct/talaria';
    const inside = { ...rest, KUBERNETES_SERVICE_HOST: '10.0.0.1', DATABASE_DIRECT_URL: direct };
    expect(readEnvironment(inside)).toMatchObject({ kubeconfig: undefined, databaseDirectUrl: direct });
  });

  it.each([
    [{ ...least, TALARIA_NAMESPACE: '' }, /^TALARIA_NAMESPACE is not set: /],
    [{ ...least, POD_NAME: undefined }, /^POD_NAME is not set: /],
    [{ ...least, DATABASE_URL: '' }, /^DATABASE_URL is not set: /],
    [{ ...least, DATABASE_URL: 'mysql://x:hunter2@y' }, /^DATABASE_URL is not a URL/],
    [{ ...least, DATABASE_DIRECT_URL: 'hunter2' }, /^DATABASE_DIRECT_URL is not a URL/],
    [{ ...least, TALARIA_LOG_LEVEL: 'loud' }, /^TALARIA_LOG_LEVEL is none of trace, debug, info/],
    [{ ...least, TALARIA_LISTEN: '8080' }, /^TALARIA_LISTEN is not host:port/],
    [{ ...least, TALARIA_LISTEN: 'x:70000' }, /^TALARIA_LISTEN is not host:port/],
    [{ ...least, KUBECONFIG: undefined }, /^KUBECONFIG is not set: /],
  ])('%j is refused with the cure and without a secret', (variables, message) => {
    const read = () => readEnvironment(variables);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/hunter2/);
  });

  it('names everything that is wrong at once', () => {
    expect(() => readEnvironment({})).toThrow(/DATABASE_URL[\s\S]*TALARIA_NAMESPACE[\s\S]*POD_NAME[\s\S]*KUBECONFIG/);
  });
});
