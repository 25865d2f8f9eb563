/**
 * Every condition type that Talaria sets and every reason that it can have. Both are API: programs may rely on them, so a
 * name never changes its meaning. `status` says which values the type can have; `True only` types are absent otherwise.
 */
export const conditionTable = {
  Accepted: {
    kinds: ['Agent', 'Route', 'CronJob'],
    owner: 'operator',
    status: 'True or False',
    meaning: 'The newest generation is valid. While it is not, the last valid one stays in force.',
    reasons: {
      Accepted: 'The generation is valid.',
      InvalidSpec: 'The object does not fit the schema of the operator; an older CRD may have let it in.',
      InvalidExpression: 'A route expression has a syntax error, names an unknown variable, or is too big.',
      TooManyExpressions: 'The namespace has more than 100 rules that have only an expression.',
      InvalidSchedule: 'The schedule or the instant of a CronJob cannot be read.',
      InvalidTimeZone: 'The time zone is not known.',
      NeverFires: 'The schedule names a day that never comes.',
      JitterTooLong: 'The jitter is not below the shortest interval of the schedule.',
      InvalidParameters: 'model.parameters.extra is not one JSON object, or sets what the gateway sets itself.',
      InvalidURL: 'An address cannot be read.',
      FilesCollide: 'A file of the profile lies where another one needs a folder.',
      TextsTooLarge: 'The texts of the Agent are together larger than 256 KiB.',
      SnapshotFull: 'The snapshot of the namespace has no room for the object.',
      OperatorFault: 'The operator itself failed on the object.',
    },
  },
  ResolvedRefs: {
    kinds: ['Agent', 'Route', 'CronJob'],
    owner: 'operator',
    status: 'True or False',
    meaning: 'Every object that this one refers to is there and may be used.',
    reasons: {
      ResolvedRefs: 'All of them are.',
      AgentNotFound: 'An Agent is missing. A rule that names it still matches, and is refused.',
      SecretNotFound: 'A Secret is missing.',
      SecretKeyNotFound: 'A Secret lacks the key.',
      SecretNotLabeled: 'A Secret lacks the label talaria.dev/credentials=true.',
      SecretNotAllowed: 'The annotations of a Secret do not allow this Agent or this host.',
      ConfigMapNotFound: 'A ConfigMap is missing.',
      ConfigMapKeyNotFound: 'A ConfigMap lacks the key.',
      ConfigMapNotLabeled: 'A ConfigMap lacks the label talaria.dev/source=true.',
      ValueTooLarge: 'A value of a Secret is larger than 16 KiB, or a text of a ConfigMap is too large.',
      AccountNotFound: 'An account is missing.',
      AccountNotShared: 'An account of another Agent is not shared.',
      ChatNotRouted: 'No Route gives a chat of an account of another Agent to the Agent of the CronJob.',
      GatewayKeyNotFound: 'A gateway key that a match names is missing.',
      CronJobNotFound: 'A CronJob that contextFrom names is missing, or belongs to another Agent.',
    },
  },
  ProfileReady: {
    kinds: ['Agent'],
    owner: 'operator',
    status: 'True or False',
    meaning: 'Nothing that the profile of the agent needs is missing.',
    reasons: {
      ProfileReady: 'Nothing is.',
      VolumePending: 'The volume is not bound or not mounted yet.',
      VolumesDisabled: 'The chart does not allow volumes of agents (profiles.agentVolumes.enabled).',
      AccessModeConflict: 'The access mode of the volume does not fit the number of gateway replicas.',
      VolumeUnavailable: 'Gateways could not start with the volume, so they run without it.',
      TooManyVolumes: 'More than 16 Agents of the namespace have a volume.',
      ClaimNotFound: 'The existing claim is missing.',
      ClaimNotLabeled: 'The existing claim lacks the label talaria.dev/agent=<name>.',
    },
  },
  AccountsReady: {
    kinds: ['Agent'],
    owner: 'gateway',
    status: 'True or False',
    meaning: 'No chat account of the agent is known to be unusable; absent where it has none. Never touches Ready.',
    reasons: {
      Connected: 'None is.',
      AccountFailed: 'One is; status.accounts says which and why.',
    },
  },
  Programmed: {
    kinds: ['Agent', 'Route', 'CronJob'],
    owner: 'operator',
    status: 'True or False',
    meaning: 'Every live gateway replica serves the current content of the object.',
    reasons: {
      Programmed: 'All of them do.',
      Pending: 'The acknowledgement of a replica is awaited.',
      NoGateway: 'No gateway replica is live, and none ever acknowledged this generation.',
      NotAccepted: 'The generation is not valid, so it is not served.',
    },
  },
  Ready: {
    kinds: ['Agent', 'Route', 'CronJob'],
    owner: 'operator',
    status: 'True or False',
    meaning: 'Accepted, ResolvedRefs, Programmed and, of an Agent, ProfileReady all hold.',
    reasons: {
      Ready: 'They do.',
      Suspended: 'They do, and the object is suspended (status True).',
      NotAccepted: 'Accepted is False.',
      RefsNotResolved: 'ResolvedRefs is False.',
      ProfileNotReady: 'ProfileReady is False.',
      NotProgrammed: 'Programmed is False.',
    },
  },
  Stalled: {
    kinds: ['Agent', 'Route', 'CronJob'],
    owner: 'operator',
    status: 'True only',
    meaning: 'Nothing happens until somebody changes the object: present exactly while Accepted is False.',
    reasons: { NotAccepted: 'Accepted is False.' },
  },
  Reconciling: {
    kinds: ['Agent', 'Route', 'CronJob'],
    owner: 'operator',
    status: 'True only',
    meaning: 'The object is on its way: a reference is missing, a volume pending, or an acknowledgement awaited.',
    reasons: {
      RefsNotResolved: 'ResolvedRefs is False.',
      ProfileNotReady: 'ProfileReady is False.',
      NotProgrammed: 'Programmed is False.',
    },
  },
  Shadowed: {
    kinds: ['Agent', 'Route'],
    owner: 'operator',
    status: 'True only',
    meaning: 'Something in the object can never take effect. Never touches Ready.',
    reasons: {
      RuleUnreachable: 'Another rule always wins over a rule of this Route; the message names both.',
      AnotherDefault: 'Another Agent is the default of the namespace.',
    },
  },
  Limited: {
    kinds: ['Agent', 'Route', 'CronJob'],
    owner: 'operator',
    status: 'True only',
    meaning: 'The object sets fields that this version stores and does not act on. Never touches Ready.',
    reasons: { NotYetImplemented: 'The message names the fields.' },
  },
  Scheduled: {
    kinds: ['CronJob'],
    owner: 'gateway',
    status: 'True or False',
    meaning: 'The job has a next slot. Never touches Ready.',
    reasons: {
      Scheduled: 'It has.',
      Completed: 'Its only instant is past.',
      Suspended: 'It is suspended.',
      Paused: 'It was paused after too many failures, until its spec changes or it is resumed by hand.',
      Manual: 'It was paused by hand, until it is resumed by hand.',
    },
  },
  Healthy: {
    kinds: ['CronJob'],
    owner: 'gateway',
    status: 'True or False',
    meaning: 'The newest run succeeded and no slot was missed since. Never touches Ready.',
    reasons: {
      Healthy: 'So it is.',
      RunFailed: 'The newest run failed.',
      SlotsMissed: 'Slots were missed since the newest success.',
    },
  },
} as const satisfies Record<string, ConditionRow>;

export type ConditionType = keyof typeof conditionTable;
/** The reasons that a condition type can have. */
export type ConditionReason<T extends ConditionType = ConditionType> = T extends ConditionType
  ? keyof (typeof conditionTable)[T]['reasons']
  : never;

interface ConditionRow {
  readonly kinds: readonly ('Agent' | 'Route' | 'CronJob')[];
  /** Whose field manager sets it. */
  readonly owner: 'operator' | 'gateway';
  readonly status: 'True or False' | 'True only';
  readonly meaning: string;
  readonly reasons: Readonly<Record<string, string>>;
}
