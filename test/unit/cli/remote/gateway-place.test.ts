import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { announceAddress, findRunningDevs } from '../../../../cli/dev/address-file.ts';
import { chooseGateway, type GatewayOptions, type Surroundings } from '../../../../cli/remote/gateway-place.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

const dev = { address: 'http://127.0.0.1:8642', pid: 1 };
const environment = {
  TALARIA_GATEWAY: 'https://talaria.example',
  TALARIA_API_KEY: 'env',
  KUBECONFIG: '/k',
  HOME: '/home',
};

function choose(options: GatewayOptions, around: Partial<Surroundings> = {}) {
  return chooseGateway(options, { environment: {}, devs: [], exists: (file) => file === '/k', ...around });
}

describe('which gateway is meant', () => {
  const everything = { environment, devs: [dev] };

  it('--gateway comes first', () => {
    const options = { gateway: 'http://here:1', context: 'c', namespace: 'n' };
    expect(choose(options, everything)).toEqual({ kind: 'url', url: 'http://here:1', key: 'env' });
  });

  it.each([{ context: 'c' }, { namespace: 'n' }, { kubeconfig: '/other' }])('%o means the cluster', (options) => {
    expect(choose(options, everything)).toEqual({
      kind: 'cluster',
      kubeconfig: '/k',
      context: undefined,
      namespace: undefined,
      key: 'env',
      ...options,
    });
  });

  it('then comes TALARIA_GATEWAY, unless it is empty', () => {
    expect(choose({}, everything)).toEqual({ kind: 'url', url: 'https://talaria.example', key: 'env' });
    const empty = { ...everything, environment: { ...environment, TALARIA_GATEWAY: '' } };
    expect(choose({}, empty)).toMatchObject({ url: dev.address });
  });

  it('then a talaria dev of this folder, which gets no key of the environment', () => {
    const around = { environment: { TALARIA_API_KEY: 'env', KUBECONFIG: '/k' }, devs: [dev] };
    expect(choose({}, around)).toEqual({ kind: 'url', url: dev.address, key: undefined });
    expect(choose({ key: 'mine' }, around)).toMatchObject({ key: 'mine' });
  });

  it('then the cluster of KUBECONFIG, of whose files those count that are there, or of ~/.kube/config', () => {
    const listed = { environment: { KUBECONFIG: ['/gone', '/k'].join(path.delimiter) } };
    expect(choose({}, listed)).toMatchObject({ kind: 'cluster', kubeconfig: '/k', key: undefined });
    const usual = { environment: { HOME: '/home' }, exists: (file: string) => file === '/home/.kube/config' };
    expect(choose({}, usual)).toMatchObject({ kind: 'cluster', kubeconfig: '/home/.kube/config' });
  });

  it('a key that is given goes with every choice', () => {
    expect(choose({ gateway: 'http://here', key: 'mine' }, everything)).toMatchObject({ key: 'mine' });
    expect(choose({ context: 'c', key: 'mine' }, everything)).toMatchObject({ key: 'mine' });
  });

  it('is the cluster for a plugin of kubectl, unless --gateway says otherwise', () => {
    expect(choose({}, { ...everything, isPlugin: true })).toMatchObject({ kind: 'cluster' });
    const gateway = 'http://127.0.0.1:8642';
    expect(choose({ gateway }, { ...everything, isPlugin: true })).toMatchObject({ kind: 'url', url: gateway });
  });

  it('says what to do when nothing is known, when several are, and when an address is none', () => {
    expect(() => choose({})).toThrow(/No gateway is known.*--gateway/);
    expect(() => choose({ namespace: 'n' })).toThrow(/no kubeconfig.*--kubeconfig/);
    const two = [dev, { address: 'http://127.0.0.1:9', pid: 2 }];
    expect(() => choose({}, { devs: two })).toThrow(
      /--gateway http:\/\/127.0.0.1:8642 or --gateway http:\/\/127.0.0.1:9/,
    );
    expect(() => choose({ gateway: 'here:8642' })).toThrow(/--gateway is "here:8642"; write it as http:/);
    expect(() => choose({}, { environment: { TALARIA_GATEWAY: 'here' } })).toThrow(/TALARIA_GATEWAY is "here"/);
  });
});

describe('a running talaria dev', () => {
  it('is found in its folder while it runs, and not once it took its word back or was killed', async () => {
    const folder = await temporaryFolder('address');
    expect(await findRunningDevs(folder)).toEqual([]);
    const withdraw = await announceAddress(path.join(folder, '.talaria/deploy'), 'http://127.0.0.1:1234');
    await mkdir(path.join(folder, '.talaria/killed'));
    const ofNobody = '{"address":"http://127.0.0.1:99","pid":4194305}\n';
    await writeFile(path.join(folder, '.talaria/killed/gateway.json'), ofNobody);
    expect(await findRunningDevs(folder)).toEqual([{ address: 'http://127.0.0.1:1234', pid: process.pid }]);
    await withdraw();
    expect(await findRunningDevs(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });
});
