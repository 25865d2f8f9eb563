import type { ConditionReason } from '../core/conditions.ts';
import type { Agent } from '../crds/agent.ts';
import type { Kind } from '../crds/common.ts';
import type { CronJob } from '../crds/cron-job.ts';
import type { Route } from '../crds/route.ts';

/**
 * Everything in the namespace that decides what gateways serve, as plain values that never change. An object that did
 * not change is the same value from one time to the next: translate keeps its work by that identity.
 */
export interface Resources {
  readonly agents: readonly Declared<Agent>[];
  readonly routes: readonly Declared<Route>[];
  readonly cronJobs: readonly Declared<CronJob>[];
  readonly secrets: readonly SecretResource[];
  readonly configMaps: readonly ConfigMapResource[];
  /** One for each Agent that asks for a volume; absent where there is no cluster that could have any. */
  readonly volumes?: readonly AgentVolume[];
}

/** Which object it is. In standalone mode `createdAt` is '', so that all are equally old. */
export interface Identity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  /** RFC 3339, whole seconds, UTC. */
  readonly createdAt: string;
}

/** One Agent, Route or CronJob as somebody declared it, with what the object alone says about its validity. */
export interface Declared<T extends { readonly spec: object }> extends Identity {
  readonly kind: Kind;
  /** undefined when it cannot be read; then `rejection` says why. */
  readonly spec: T['spec'] | undefined;
  /** Why this generation is not accepted, whatever else is in the namespace. */
  readonly rejection: Rejection | undefined;
  /** Takes effect also when the generation is not accepted. */
  readonly suspend: boolean;
  /** Value of the annotation `talaria.dev/run-at` of a CronJob; like `suspend` it needs no accepted generation. */
  readonly runAt: string | undefined;
  /** Paths of fields that are stored and not acted on. */
  readonly limited: readonly string[];
}

/** The reason and message of Accepted=False. */
export interface Rejection {
  readonly reason: ConditionReason<'Accepted'>;
  readonly message: string;
  /** Where our own code failed on the object, for the log; absent: the object is at fault. */
  readonly fault?: string;
}

/** A Secret that Talaria may look at. `data` is empty unless one of the two labels gives consent. */
export interface SecretResource {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly createdAt: string;
  /** Labelled `talaria.dev/credentials=true`. */
  readonly credentials: boolean;
  /** Labelled `talaria.dev/gateway-key=true`. */
  readonly gatewayKey: boolean;
  /** Those below `talaria.dev/`, without that prefix. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Base64. */
  readonly data: Readonly<Record<string, string>>;
}

/** What became of the volume that an Agent asks for. */
export interface AgentVolume {
  /** Name of the Agent. */
  readonly agent: string;
  /** undefined: it is mounted in every gateway pod. */
  readonly problem: VolumeProblem | undefined;
  /** The claim, when it exists and is the agent's. */
  readonly claimName: string | undefined;
}

/** Why a volume cannot be used yet, and the cure. */
export interface VolumeProblem {
  readonly reason: Exclude<ConditionReason<'ProfileReady'>, 'ProfileReady'>;
  readonly message: string;
}

/** A ConfigMap. `data` is empty unless it is labelled. */
export interface ConfigMapResource {
  readonly name: string;
  /** Labelled `talaria.dev/source=true`. */
  readonly source: boolean;
  readonly data: Readonly<Record<string, string>>;
}
