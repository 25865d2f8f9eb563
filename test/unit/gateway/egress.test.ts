import { describe, expect, it } from 'vitest';
import { createEgressPolicy } from '../../../gateway/egress.ts';

const closed = createEgressPolicy({ kind: 'delivery', allow: [], privateNetworks: false });

describe('by default', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.8.8.8', 'loopback'],
    ['0.0.0.0', 'loopback'],
    ['::1', 'loopback'],
    ['::', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['::ffff:0:127.0.0.1', 'loopback'],
    ['2002:7f00:1::1', 'loopback'],
    ['2002:a9fe:a9fe::', 'metadata'],
    ['fd20:ce::254', 'metadata'],
    ['169.254.169.254', 'metadata'],
    ['::ffff:169.254.169.254', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['169.254.1.1', 'link-local'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'multicast'],
    ['10.0.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['192.0.0.8', 'private'],
    ['198.19.255.255', 'private'],
    ['fc00::1', 'private'],
    ['64:ff9b:1::a9fe:a9fe', 'private'],
  ])('%s is refused as %s, with the cure', (address, what) => {
    expect(closed.refusal(address, 'host.example')).toMatch(new RegExp(`${what} address.*egress\\.delivery\\.allow`));
  });

  it.each(['8.8.8.8', '172.32.0.1', '2001:4860:4860::8888', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::1'])(
    '%s may be reached',
    (address) => {
      expect(closed.refusal(address, 'host.example')).toBeUndefined();
    },
  );
});

describe('what is allowed', () => {
  it('is a network, an address or a host name, and nothing beside it', () => {
    const policy = createEgressPolicy({
      kind: 'tools',
      allow: ['10.1.0.0/16', '::1', 'Internal.Example'],
      privateNetworks: false,
    });
    expect(policy.refusal('10.1.2.3', 'x')).toBeUndefined();
    expect(policy.refusal('10.2.2.3', 'x')).toContain('private');
    expect(policy.refusal('::1', 'x')).toBeUndefined();
    expect(policy.refusal('127.0.0.1', 'internal.example')).toBeUndefined();
    expect(policy.refusal('127.0.0.1', 'evil.internal.example')).toContain('loopback');
  });

  it('private networks for models, and still no metadata', () => {
    const policy = createEgressPolicy({ kind: 'models', allow: [], privateNetworks: true });
    expect(policy.refusal('10.1.2.3', 'x')).toBeUndefined();
    expect(policy.refusal('169.254.169.254', 'x')).toContain('metadata');
    expect(policy.refusal('100.100.100.200', 'x')).toContain('metadata');
  });
});
