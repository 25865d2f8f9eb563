import { type Finding, findings } from './finding.ts';
import { lastWords } from './last-words.ts';
import { type Reading, unread } from './reading.ts';
import { type ContainerStatus, componentOf, type Deployment, type Pod } from './workload-objects.ts';

/** What runs, or should. */
export interface WorkloadFacts {
  readonly namespace: string;
  readonly operator: Reading<Deployment | undefined>;
  readonly gateway: Reading<Deployment | undefined>;
  readonly pods: Reading<readonly Pod[]>;
  /** The log of a pod before its last restart, by the pod's name, where it could be read. */
  readonly logsBefore: ReadonlyMap<string, string>;
}

/** The two Deployments, and what keeps pods from running. */
export function judgeWorkloads(facts: WorkloadFacts): readonly Finding[] {
  const { namespace, operator, gateway, pods } = facts;
  return [
    judgeDeployment('operator', operator, namespace),
    judgeDeployment('gateway', gateway, namespace),
    ...('failure' in pods ? [unread('pods', 'The pods', pods.failure)] : judgePods(facts, pods.value)),
  ];
}

function judgeDeployment(
  component: 'operator' | 'gateway',
  found: Reading<Deployment | undefined>,
  namespace: string,
): Finding {
  const { ok, warn, fail } = findings(component);
  const name = `talaria-${component}`;
  if ('failure' in found) return unread(component, `The Deployment ${name}`, found.failure);
  if (found.value === undefined) {
    return fail(
      `There is no Deployment ${name} in ${namespace}.`,
      'Install the chart there, or name the namespace of Talaria with -n.',
    );
  }
  const { spec, status } = found.value;
  const wanted = spec?.replicas ?? 1;
  const available = status?.availableReplicas ?? 0;
  if (wanted === 0) return fail('It is scaled to 0.', `kubectl -n ${namespace} scale deployment ${name} --replicas=2`);
  if (available >= wanted) return ok(`${available} of ${wanted} pods available`);
  const why = status?.conditions?.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True')?.message;
  const cause = `${available} of ${wanted} pods available${why === undefined ? '' : `: ${why}`}.`;
  const cure =
    why === undefined
      ? 'The findings about pods below say why.'
      : 'Lift what forbids the pods, such as a quota or a policy.';
  return available === 0 ? fail(cause, cure) : warn(cause, cure);
}

function judgePods({ namespace, logsBefore }: WorkloadFacts, pods: readonly Pod[]): Finding[] {
  const ill = pods.flatMap((pod) => illness(pod, logsBefore.get(pod.metadata.name) ?? '', namespace));
  if (ill.length > 0) return ill;
  return pods.length === 0 ? [] : [findings('pods').ok(`${pods.length}, none of them ill`)];
}

function illness(pod: Pod, logBefore: string, namespace: string): Finding[] {
  const { fail } = findings(`${componentOf(pod)} pod`);
  const { name, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) return [];
  const { phase, reason, message, conditions, containerStatuses = [] } = pod.status ?? {};
  if (phase === 'Failed') {
    return [fail(`${name} failed: ${[reason, message].filter(Boolean).join(': ')}`, evictionCure(message ?? ''))];
  }
  const scheduled = conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (scheduled !== undefined) {
    const why = scheduled.message ?? '';
    return [fail(`${name} has no node: ${why}`, schedulingCure(why))];
  }
  return containerStatuses.flatMap((container) => containerIllness(pod, container, logBefore, namespace));
}

function evictionCure(message: string): string {
  return /emptyDir|ephemeral-storage|disk/i.test(message)
    ? 'The volume of the pod is full: raise gateway.stateSizeLimit of the chart, or free the disk of the node.'
    : 'See the events of the pod; its Deployment makes another.';
}

function schedulingCure(message: string): string {
  if (/PersistentVolumeClaim/i.test(message)) return 'Its volume is not bound: see the finding about the claim below.';
  if (/Insufficient/i.test(message))
    return 'Give the cluster more room, or lower the resources in the values of the chart.';
  return 'Change nodeSelector, tolerations or affinity in the values of the chart, or the nodes.';
}

const manyRestarts = 3;

function containerIllness(pod: Pod, container: ContainerStatus, logBefore: string, namespace: string): Finding[] {
  const { fail, warn } = findings(`${componentOf(pod)} pod`);
  const { name } = pod.metadata;
  const { reason = '', message = '' } = container.state?.waiting ?? {};
  const told = [reason, message].filter(Boolean).join(': ');
  if (/ImagePull|InvalidImageName|ErrImage/.test(reason)) {
    return [
      fail(
        `${name} does not get its image: ${told}`,
        'Set image.repository, image.tag and imagePullSecrets of the chart to an image that the nodes can pull.',
      ),
    ];
  }
  if (/ConfigError|RunContainerError/.test(reason)) return [fail(`${name} cannot start: ${told}`, configCure(message))];
  const restarts = container.restartCount ?? 0;
  const end = container.lastState?.terminated ?? container.state?.terminated;
  if (reason !== 'CrashLoopBackOff' && restarts < manyRestarts) return [];
  if (end?.reason === 'OOMKilled') {
    return [
      fail(
        `${name} ran out of memory, ${restarts} times.`,
        'Raise resources.limits.memory in the values of the chart.',
      ),
    ];
  }
  const words = lastWords(logBefore, true) || end?.message || `exit code ${end?.exitCode ?? 'unknown'}`;
  const finding = reason === 'CrashLoopBackOff' ? fail : warn;
  return [finding(`${name} ended ${restarts} times, at last with: ${words}`, crashCure(words, name, namespace))];
}

function configCure(message: string): string {
  if (/secret/i.test(message))
    return 'Create the Secret with the keys that the chart names, such as database.existingSecret with url.';
  return 'Put back what it names: helm upgrade.';
}

function crashCure(words: string, pod: string, namespace: string): string {
  if (words.includes('belongs to another namespace'))
    return 'Give this namespace a database of its own, as the message says.';
  return `See more with: kubectl -n ${namespace} logs --previous ${pod}`;
}
