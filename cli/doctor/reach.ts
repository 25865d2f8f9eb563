import type { PlainAnswer } from '../../core/kube/plain-get.ts';
import { type Finding, findings, roughly } from './finding.ts';
import { type Failure, type Reading, unread } from './reading.ts';

/** What a first call of the API server tells. */
export interface ReachFacts {
  /** The answer of `/version`. */
  readonly version: Reading<PlainAnswer>;
  /** This machine's clock when it was asked for and when it came, Unix milliseconds. */
  readonly askedAt: number;
  readonly localTime: number;
  readonly namespace: string;
  /** Whether the namespace is there. */
  readonly namespaceFound: Reading<boolean>;
}

/** The API server, its certificate, the clock of this machine, and the namespace. */
export function judgeReach(facts: ReachFacts): readonly Finding[] {
  const { version, localTime, namespace, namespaceFound } = facts;
  if ('failure' in version) return [unreachable(version.failure)];
  const server = judgeServer(version.value);
  if (server.level === 'fail') return [server];
  return [
    server,
    ...judgeCertificate(version.value, localTime),
    judgeClock(version.value, facts),
    judgeNamespace(namespace, namespaceFound),
  ];
}

const server = findings('API server');

function unreachable({ code, message }: Failure): Finding {
  const found = failures.find(({ codes }) => codes.includes(code));
  return server.fail(
    found === undefined ? `It does not answer: ${message}` : found.cause,
    found?.cure ?? 'See whether kubectl reaches it, and whether the context is the one you mean.',
  );
}

const failures: readonly { readonly codes: readonly string[]; readonly cause: string; readonly cure: string }[] = [
  {
    codes: ['CERT_HAS_EXPIRED'],
    cause: 'Its certificate has expired, or the clock of this machine is ahead.',
    cure: 'Renew it, as with `kubeadm certs renew apiserver`, or set this clock.',
  },
  {
    codes: ['CERT_NOT_YET_VALID'],
    cause: 'Its certificate is not valid yet: the clock of this machine is behind.',
    cure: 'Set this clock.',
  },
  {
    codes: [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    ],
    cause: 'Its certificate is of an authority that the kubeconfig does not name.',
    cure: 'Fetch the kubeconfig of this cluster anew: its certificate-authority-data is of another one, or missing.',
  },
  {
    codes: ['ERR_TLS_CERT_ALTNAME_INVALID'],
    cause: 'Its certificate is not for the address in the kubeconfig.',
    cure: 'Use a name that the certificate has, or set tls-server-name in the kubeconfig.',
  },
  {
    codes: ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ABORT_ERR'],
    cause: 'Nothing answers at its address.',
    cure: 'See whether the cluster runs, whether a VPN is missing, and whether the context is the one you mean.',
  },
];

function judgeServer({ status, text }: PlainAnswer): Finding {
  if (status === 401) {
    return server.fail('It does not know you: HTTP 401.', 'Log in again, or renew the client certificate or token.');
  }
  if (status >= 500) return server.fail(`It answers HTTP ${status}.`, 'See the state of the control plane.');
  return server.ok(`answers${/"gitVersion":\s*"([^"]+)"/.exec(text)?.[1]?.replace(/^/, ', ') ?? ''}`);
}

const soonMs = 14 * 86_400_000;

function judgeCertificate({ certificateEnds }: PlainAnswer, localTime: number): Finding[] {
  if (certificateEnds === undefined) return [];
  const { ok, warn } = findings('certificate');
  const left = certificateEnds - localTime;
  if (left > soonMs) return [ok(`valid for ${roughly(left)}`)];
  return [warn(`That of the API server ends in ${roughly(left)}.`, 'Renew it before then; clients trust no other.')];
}

/** What the clock of this machine is at least ahead of the API server's, in milliseconds; negative when it is behind. */
export function aheadOfServer(
  { askedAt, localTime }: Pick<ReachFacts, 'askedAt' | 'localTime'>,
  serverTime: number,
): number {
  // The answer tells whole seconds, of some time between the two.
  if (serverTime + 1_000 < askedAt) return askedAt - serverTime;
  return serverTime > localTime ? localTime - serverTime : 0;
}

const skewMs = 5_000;

function judgeClock({ serverTime }: PlainAnswer, facts: ReachFacts): Finding {
  const { ok, warn, skipped } = findings('clock');
  if (serverTime === undefined) return skipped('The API server does not tell its time.', 'Compare the clocks by hand.');
  const ahead = aheadOfServer(facts, serverTime);
  if (Math.abs(ahead) <= skewMs) return ok('that of this machine is that of the API server');
  const side = ahead > 0 ? 'ahead of' : 'behind';
  return warn(
    `This machine is ${roughly(ahead)} ${side} the API server.`,
    'Set it by NTP: ages shown here are wrong, and tokens and certificates may be refused.',
  );
}

function judgeNamespace(name: string, found: Reading<boolean>): Finding {
  const { ok, fail } = findings('namespace');
  if ('failure' in found) return unread('namespace', `The namespace ${name}`, found.failure);
  if (found.value) return ok(name);
  return fail(`There is no namespace ${name}.`, 'Name that of Talaria with -n.');
}
