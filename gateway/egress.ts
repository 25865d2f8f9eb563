import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';

/** Which addresses the gateway may connect to, for one kind of egress. */
export interface EgressPolicy {
  /** Why this address of this host may not be reached, with the cure, or undefined when it may. */
  readonly refusal: (address: string, host: string) => string | undefined;
}

export interface EgressOptions {
  /** What the kind is called in the gateway's configuration: `models`, `delivery` or `tools`. */
  readonly kind: string;
  /** Networks, addresses and host names that may be reached although the default refuses them. */
  readonly allow: readonly string[];
  /** Whether private networks may be reached, as in-cluster model servers are. */
  readonly privateNetworks: boolean;
}

/** Loopback, link-local and metadata addresses are always refused by default, private networks where `options` says so. */
export function createEgressPolicy(options: EgressOptions): EgressPolicy {
  const hosts = new Set(options.allow.filter(isHostName).map((host) => host.toLowerCase()));
  const allowed = blockList(options.allow.filter((entry) => !isHostName(entry)));
  return {
    refusal: (address, host) => {
      const plain = withoutMapping(address);
      const what = named.find(({ list }) => contains(list, plain))?.what;
      if (what === undefined || (what === 'private' && options.privateNetworks)) return undefined;
      if (hosts.has(host.toLowerCase()) || contains(allowed, plain)) return undefined;
      return `${host} is at ${address}, a ${what} address, which may not be reached; to permit it add it to egress.${options.kind}.allow of the gateway's configuration`;
    },
  };
}

/** Fails a connection to an address that the policy refuses. */
export class EgressRefused extends Error {
  override readonly name = 'EgressRefused';
}

/**
 * A connector for undici that checks the very address it connects to, so that a name cannot be resolved once for the
 * check and once more for the connection. It fails with EgressRefused.
 */
export function guardedConnector(policy: EgressPolicy, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, lookup: guardedLookup(policy) });
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    const refusal = isIP(host) === 0 ? undefined : policy.refusal(host, host);
    if (refusal === undefined) connect(options, callback);
    else callback(new EgressRefused(refusal), null);
  };
}

function guardedLookup(policy: EgressPolicy): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0);
      const reachable = addresses.filter(({ address }) => policy.refusal(address, host) === undefined);
      const first = reachable[0];
      if (first === undefined) {
        const refused = addresses[0]?.address ?? '';
        return callback(new EgressRefused(policy.refusal(refused, host) ?? `${host} has no address`), '', 0);
      }
      if (options.all) return callback(null, reachable);
      return callback(null, first.address, first.family);
    });
  };
}

const named = [
  {
    what: 'metadata',
    list: blockList([
      '169.254.169.254',
      '169.254.170.2',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      'fd00:ec2::254',
      'fd20:ce::254',
    ]),
  },
  { what: 'loopback', list: blockList(['127.0.0.0/8', '0.0.0.0/8', '::1', '::']) },
  { what: 'link-local', list: blockList(['169.254.0.0/16', 'fe80::/10']) },
  { what: 'multicast', list: blockList(['224.0.0.0/4', '240.0.0.0/4', 'ff00::/8']) },
  {
    what: 'private',
    list: blockList([
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '100.64.0.0/10',
      '192.0.0.0/24',
      '198.18.0.0/15',
      'fc00::/7',
      'fec0::/10',
      // IPv4 behind a translator of the network's own (RFC 8215).
      '64:ff9b:1::/48',
    ]),
  },
] as const;

function blockList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function isHostName(entry: string): boolean {
  return isIP(entry.split('/')[0] ?? '') === 0;
}

/**
 * The IPv4 address inside an IPv6 one: mapped (`::ffff:0:0/96`), compatible (`::/96`), translated (`64:ff9b::/96`,
 * `::ffff:0:0:0/96`) or 6to4 (`2002::/16`).
 */
function withoutMapping(address: string): string {
  const bare = address.split('%')[0] ?? address;
  if (isIP(bare) !== 6) return bare;
  const groups = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const match =
    /^(?:::ffff:|::ffff:0:|64:ff9b::|::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(groups) ??
    /^2002:([0-9a-f]{1,4}):([0-9a-f]{1,4}):/.exec(groups);
  if (!match) return bare;
  const number = Number.parseInt(match[1] ?? '', 16) * 65_536 + Number.parseInt(match[2] ?? '', 16);
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}
