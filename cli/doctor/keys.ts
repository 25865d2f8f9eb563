import type { Secret } from '../../core/kube/resources.ts';
import { declareSecret } from '../../operator/declare.ts';
import { gatewayKeyFault } from '../../operator/translate/keys.ts';
import { type Finding, findings, sentence } from './finding.ts';
import { type Reading, unread } from './reading.ts';

/** Label of the Secrets that hold gateway keys. */
export const gatewayKeySelector = 'talaria.dev/gateway-key=true';

/** Whether there are gateway keys, and whether each is one that the operator accepts. */
export function judgeKeys(secrets: Reading<readonly Secret[]>): readonly Finding[] {
  const { ok, warn, fail } = findings('gateway keys');
  if ('failure' in secrets) return [unread('gateway keys', 'Secrets', secrets.failure)];
  if (secrets.value.length === 0) {
    return [
      warn(
        'There is none: only keys of Agents and tokens of OIDC issuers are let in.',
        'Label a Secret with a key under `key` talaria.dev/gateway-key=true and annotate it talaria.dev/agents=*.',
      ),
    ];
  }
  const faults = secrets.value.flatMap((secret) => {
    const fault = gatewayKeyFault(declareSecret(secret));
    return fault === undefined
      ? []
      : [
          fail(
            `Secret ${secret.metadata.name}: ${sentence(fault)}`,
            'Correct the Secret; until then its last valid form holds.',
          ),
        ];
  });
  return faults.length > 0 ? faults : [ok(`${secrets.value.length}, all valid`)];
}
