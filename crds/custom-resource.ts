import { apiVersion, type Kind, kinds } from './common.ts';
import { servedSchema } from './served-schema.ts';

const [group = '', version = ''] = apiVersion.split('/');

/** The CustomResourceDefinition of a kind, as plain data. */
export function customResourceDefinition(kind: Kind) {
  const { plural, shortName } = kinds[kind];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/part-of': 'talaria' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        categories: ['talaria'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: printerColumns[kind],
          schema: { openAPIV3Schema: servedSchema(kind) },
        },
      ],
    },
  };
}

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** 1: only with `-o wide`. */
  readonly priority?: 1;
}

const ready: Column = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
  description: 'Whether it is in force on every gateway replica.',
};
const reason: Column = {
  name: 'Reason',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
  description: 'Why it is ready or not.',
  priority: 1,
};
const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'When it was made.',
};

/** What `kubectl get` shows. A future `date` prints `<invalid>`, so the next slot of a CronJob is a string. */
const printerColumns: Readonly<Record<Kind, readonly Column[]>> = {
  Agent: [
    ready,
    { name: 'Model', type: 'string', jsonPath: '.spec.model.name', description: 'Name of the model.' },
    {
      name: 'Default',
      type: 'boolean',
      jsonPath: '.spec.default',
      description: 'Whether it serves what no rule matched.',
    },
    { name: 'Routes', type: 'integer', jsonPath: '.status.routes', description: 'How many Routes name it.' },
    { name: 'Jobs', type: 'integer', jsonPath: '.status.cronJobs', description: 'How many CronJobs run as it.' },
    age,
    reason,
    {
      name: 'Provider',
      type: 'string',
      jsonPath: '.spec.model.provider',
      description: 'Who serves the model.',
      priority: 1,
    },
    {
      name: 'Suspend',
      type: 'boolean',
      jsonPath: '.spec.suspend',
      description: 'Whether it refuses new turns.',
      priority: 1,
    },
    {
      name: 'Claim',
      type: 'string',
      jsonPath: '.status.claimName',
      description: 'The claim of its workspace.',
      priority: 1,
    },
  ],
  Route: [
    ready,
    { name: 'Rules', type: 'integer', jsonPath: '.status.rules', description: 'How many rules it has.' },
    { name: 'Agents', type: 'string', jsonPath: '.status.agents', description: 'The agents it names.' },
    {
      name: 'Priority',
      type: 'integer',
      jsonPath: '.spec.priority',
      description: 'The higher one wins between Routes.',
    },
    age,
    reason,
  ],
  CronJob: [
    { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule', description: 'When it runs.' },
    { name: 'Timezone', type: 'string', jsonPath: '.spec.timeZone', description: 'The time zone of the schedule.' },
    { name: 'Agent', type: 'string', jsonPath: '.spec.agentRef.name', description: 'The agent it runs as.' },
    { name: 'Suspend', type: 'boolean', jsonPath: '.spec.suspend', description: 'Whether it starts nothing.' },
    { name: 'Last', type: 'date', jsonPath: '.status.lastScheduleTime', description: 'The newest slot that started.' },
    { name: 'Next', type: 'string', jsonPath: '.status.nextScheduleTime', description: 'The next slot.' },
    ready,
    age,
    reason,
    {
      name: 'At',
      type: 'string',
      jsonPath: '.spec.at',
      description: 'The instant of a job that runs once.',
      priority: 1,
    },
    {
      name: 'Missed',
      type: 'integer',
      jsonPath: '.status.missedCount',
      description: 'How many slots were missed.',
      priority: 1,
    },
  ],
};
