import { createKubeClient } from '../../core/kube/client.ts';
import { hasStatus, KubeError } from '../../core/kube/kube-error.ts';
import { type Forwarded, forwardPort } from '../../core/kube/port-forward.ts';
import { kubeResource, type Secret, secrets } from '../../core/kube/resources.ts';
import type { KubeClient, KubeObject } from '../../core/kube/types.ts';
import { NoGateway } from './failures.ts';
import type { GatewayPlace } from './gateway-place.ts';

/** A way to a gateway that is open until it is closed. */
export interface OpenGateway {
  readonly url: string;
  readonly key: string | undefined;
  /** Why the way is broken, where that is known. */
  readonly failure: () => string | undefined;
  readonly close: () => Promise<void>;
}

type ClusterPlace = Extract<GatewayPlace, { readonly kind: 'cluster' }>;

/**
 * Opens a way to a gateway of a namespace: a port of this machine that is forwarded to a ready pod of the Service
 * `talaria-gateway`, with the key of the place or else an admin key of the namespace's Secrets, read with the rights of
 * whoever calls. Throws NoGateway with the cure.
 */
export async function openClusterGateway(place: ClusterPlace): Promise<OpenGateway> {
  try {
    const client = createKubeClient({ ...place, fieldManager: 'talaria-cli' });
    try {
      const target = await findGatewayPod(client);
      const key = place.key ?? (await findAdminKey(client));
      return openWay(await forwardPort(place, { namespace: client.namespace, ...target }), key);
    } finally {
      await client.close();
    }
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    throw new NoGateway(`The cluster does not lead to a gateway: ${error.message}. ${cureOf(error)}`);
  }
}

function openWay({ port, failure, close }: Forwarded, key: string): OpenGateway {
  return { url: `http://127.0.0.1:${port}`, key, failure, close };
}

interface Service extends KubeObject {
  readonly spec?: {
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly { readonly name?: string; readonly targetPort?: number | string }[];
  };
}

interface Pod extends KubeObject {
  readonly spec?: {
    readonly containers?: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

const services = kubeResource<Service>('v1', 'Service', 'services');
const pods = kubeResource<Pod>('v1', 'Pod', 'pods');
/** A name that charts/talaria uses too. */
const serviceName = 'talaria-gateway';

/** A ready pod of the gateway's Service, and the port on which it serves. */
export async function findGatewayPod(
  client: Pick<KubeClient, 'get' | 'list' | 'namespace'>,
): Promise<{ readonly pod: string; readonly port: number }> {
  const service = await client.get(services, serviceName);
  if (service === undefined) {
    throw new NoGateway(
      `There is no Service ${serviceName} in the namespace ${client.namespace}. Name the namespace of Talaria with -n.`,
    );
  }
  const labelSelector = Object.entries(service.spec?.selector ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
  const { items } = await client.list(pods, { labelSelector });
  const ready = items.find((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod));
  const port = ready && portOf(service, ready);
  if (ready !== undefined && port !== undefined) return { pod: ready.metadata.name, port };
  throw new NoGateway(
    `No pod of the ${items.length} behind the Service ${serviceName} in ${client.namespace} is ready. See why with: kubectl -n ${client.namespace} describe pods -l ${labelSelector}`,
  );
}

/** The value of a gateway key with the role admin: one for every Agent before others, else the first by name. */
export async function findAdminKey(client: Pick<KubeClient, 'list' | 'namespace'>): Promise<string> {
  const { items } = await client.list(secrets, { labelSelector: 'talaria.dev/gateway-key=true' });
  const admins = items.filter((secret) => annotation(secret, 'role') === 'admin' && secret.data?.key !== undefined);
  const chosen = admins.find((secret) => annotation(secret, 'agents') === '*') ?? admins[0];
  const key = Buffer.from(chosen?.data?.key ?? '', 'base64')
    .toString()
    .trim();
  if (key !== '') return key;
  throw new NoGateway(
    `No gateway key with the role admin is in the namespace ${client.namespace}. Give one with --key or TALARIA_API_KEY, or set the annotation talaria.dev/role=admin on the Secret of one.`,
  );
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function portOf({ spec }: Service, pod: Pod): number | undefined {
  const target = spec?.ports?.find(({ name }) => name === 'http')?.targetPort ?? spec?.ports?.[0]?.targetPort;
  if (typeof target === 'number') return target;
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return ports.find(({ name }) => name === target)?.containerPort;
}

function annotation(secret: Secret, name: string): string | undefined {
  return secret.metadata.annotations?.[`talaria.dev/${name}`];
}

function cureOf(error: KubeError): string {
  if (hasStatus(error, 403)) {
    return 'Your account needs to get services, list pods, create pods/portforward and, without --key, list secrets there.';
  }
  if (hasStatus(error, 401)) return 'Log in to the cluster again, or choose another --context.';
  return 'See whether kubectl reaches it, or give --gateway URL.';
}
