/** One series of a test: its name without `talaria_`, its labels beside the namespace, and values as promtool writes them. */
export interface Series {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** One value a minute: `0x15` is sixteen times 0, `0+5x15` grows by 5. */
  readonly values: string;
}

/** What makes an alert fire, and what comes close to it and must not. Both lie over `healthy`, by name and labels. */
export interface AlertCase {
  readonly alert: string;
  readonly fires: readonly Series[];
  readonly silent: readonly Series[];
  /** Names of series that are not there when it fires. */
  readonly gone?: readonly string[];
  /** Labels of the alert beside severity and namespace. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The alert is of no series and so has no label `namespace`. */
  readonly ofNothing?: boolean;
}

/** The namespace of the release under test. */
export const namespace = 'prod';

const one = (name: string, values: string, labels: Readonly<Record<string, string>> = {}): Series => ({
  name,
  labels,
  values,
});
const requests = { path: '/v1/chat/completions' };
const model = { agent: 'main', host: 'models.example:443' };
const calls = (outcome: string, values: string) => one('model_calls_total', values, { ...model, outcome, pod: 'a' });

/** Everything as it should be, with traffic: two gateways, two operators. */
export const healthy: readonly Series[] = [
  ...['a', 'b'].flatMap((pod) => [
    one('config_sequence', '7x30', { pod }),
    one('state_available', '1x30', { pod }),
    one('config_rejected_total', '0x30', { pod, reason: 'invalid' }),
    one('watch_missed_total', '0x30', { pod }),
    one('schedule_tick_age_seconds', '1x30', { pod }),
    one('schedule_missed_total', '2x30', { pod, cronjob: 'report' }),
    one('deliveries', '3x30', { pod, kind: 'slack', status: 'pending' }),
    one('deliveries', '0x30', { pod, kind: 'slack', status: 'dead' }),
    one('delivery_oldest_pending_seconds', '5x30', { pod, kind: 'slack' }),
    one('account_ready', '1x30', { pod, account: 'main/ops', platform: 'slack' }),
    one('run_oldest_seconds', '20x30', { pod, status: 'queued' }),
    one('run_oldest_seconds', '4000x30', { pod, status: 'running' }),
    one('run_oldest_seconds', '0x30', { pod, status: 'stopping' }),
    one('http_requests_total', '0+600x30', { pod, ...requests, status: '200', code: '' }),
    one('http_requests_total', '0+1x30', { pod, ...requests, status: '502', code: 'model_failed' }),
    one('http_requests_total', '0+60x30', { pod, ...requests, status: '429', code: 'rate_limited' }),
  ]),
  calls('ok', '0+100x30'),
  calls('timeout', '0+2x30'),
  calls('aborted', '0+300x30'),
  one('operator_leading', '1x30', { pod: 'x' }),
  one('operator_leading', '0x30', { pod: 'y' }),
  ...['x', 'y'].flatMap((pod) => [
    one('operator_snapshot_sequence', pod === 'x' ? '7x30' : '0x30', { pod }),
    one('operator_acknowledged_sequence', '7x30', { pod }),
    one('operator_live_gateways', '2x30', { pod }),
    one('operator_gateway_keys_rejected', '0x30', { pod }),
    one('operator_crds_too_old', '0x30', { pod }),
    one('operator_reconcile_failures_total', '0x30', { pod, controller: 'namespace' }),
    one('operator_watch_failures_total', '0x30', { pod, resource: 'agents' }),
    one('operator_volume_rollouts_undone_total', '0x30', { pod }),
    one('operator_watch_missed_total', '0x30', { pod, resource: 'agents' }),
  ]),
];

/** One for every rule of the chart. */
export const alertCases: readonly AlertCase[] = [
  {
    alert: 'TalariaGatewayDown',
    fires: [],
    gone: ['config_sequence'],
    silent: [one('config_sequence', '7x5 _x3 7x30', { pod: 'a' })],
  },
  {
    alert: 'TalariaNoLiveGateway',
    fires: ['x', 'y'].map((pod) => one('operator_live_gateways', '0x30', { pod })),
    silent: [one('operator_live_gateways', '0x30', { pod: 'y' })],
  },
  {
    alert: 'TalariaStateUnavailable',
    fires: [one('state_available', '0x30', { pod: 'b' })],
    silent: [one('state_available', '1x12 0 1x30', { pod: 'b' })],
  },
  {
    alert: 'TalariaErrorRate',
    fires: [one('http_requests_total', '0+90x30', { pod: 'a', ...requests, status: '502', code: 'model_failed' })],
    silent: [one('http_requests_total', '0+900x30', { pod: 'a', ...requests, status: '429', code: 'rate_limited' })],
  },
  {
    alert: 'TalariaModelFailing',
    fires: [calls('timeout', '0+150x30')],
    silent: [calls('timeout', '0+80x30')],
    labels: model,
  },
  {
    alert: 'TalariaRunStuck',
    fires: [one('run_oldest_seconds', '600x30', { pod: 'a', status: 'stopping' })],
    silent: [one('run_oldest_seconds', '90000x30', { pod: 'a', status: 'waiting_for_approval' })],
    labels: { status: 'stopping' },
  },
  {
    alert: 'TalariaConfigRejected',
    fires: [one('config_rejected_total', '0x10 1x20', { pod: 'a', reason: 'invalid' })],
    silent: [one('config_rejected_total', '4x30', { pod: 'a', reason: 'invalid' })],
    labels: { reason: 'invalid' },
  },
  {
    alert: 'TalariaSnapshotStale',
    fires: [one('config_sequence', '6x30', { pod: 'b' })],
    silent: [one('config_sequence', '6x12 7x30', { pod: 'b' })],
  },
  {
    alert: 'TalariaSnapshotNotAcknowledged',
    fires: ['x', 'y'].map((pod) => one('operator_acknowledged_sequence', '6x30', { pod })),
    silent: ['x', 'y'].flatMap((pod) => [
      one('operator_acknowledged_sequence', '0x30', { pod }),
      one('operator_live_gateways', '0x30', { pod }),
    ]),
  },
  {
    alert: 'TalariaGatewayKeysRejected',
    fires: [one('operator_gateway_keys_rejected', '1x30', { pod: 'x' })],
    silent: [one('operator_gateway_keys_rejected', '0x12 1x2 0x30', { pod: 'x' })],
  },
  {
    alert: 'TalariaOperatorNoLeader',
    fires: [],
    gone: ['operator_leading'],
    silent: [one('operator_leading', '1x5 0x30', { pod: 'x' }), one('operator_leading', '0x6 1x30', { pod: 'y' })],
    ofNothing: true,
  },
  {
    alert: 'TalariaReconcileFailing',
    fires: [one('operator_reconcile_failures_total', '0+1x30', { pod: 'x', controller: 'namespace' })],
    silent: [one('operator_reconcile_failures_total', '0x10 2x20', { pod: 'x', controller: 'namespace' })],
    labels: { controller: 'namespace' },
  },
  {
    alert: 'TalariaWatchFailing',
    fires: [one('operator_watch_failures_total', '0+2x30', { pod: 'x', resource: 'agents' })],
    silent: [one('operator_watch_failures_total', '0x10 5x20', { pod: 'x', resource: 'agents' })],
  },
  {
    alert: 'TalariaWatchMissed',
    fires: [one('watch_missed_total', '0x10 1x20', { pod: 'a' })],
    silent: [one('watch_missed_total', '9x30', { pod: 'a' })],
  },
  {
    alert: 'TalariaCrdsTooOld',
    fires: [one('operator_crds_too_old', '1x30', { pod: 'x' })],
    silent: [one('operator_crds_too_old', '0x12 1x2 0x30', { pod: 'x' })],
  },
  {
    alert: 'TalariaVolumeRolloutUndone',
    fires: [one('operator_volume_rollouts_undone_total', '0x10 1x20', { pod: 'x' })],
    silent: [one('operator_volume_rollouts_undone_total', '3x30', { pod: 'x' })],
  },
  {
    alert: 'TalariaSlotsMissed',
    fires: [one('schedule_missed_total', '2x10 3x20', { pod: 'a', cronjob: 'report' })],
    silent: [one('schedule_missed_total', '50x30', { pod: 'a', cronjob: 'report' })],
    labels: { cronjob: 'report' },
  },
  {
    alert: 'TalariaScheduleStalled',
    fires: ['a', 'b'].map((pod) => one('schedule_tick_age_seconds', '100+60x30', { pod })),
    silent: [one('schedule_tick_age_seconds', '100+60x30', { pod: 'a' })],
  },
  {
    alert: 'TalariaDeliveriesLeft',
    fires: [one('deliveries', '1x30', { pod: 'a', kind: 'slack', status: 'dead' })],
    silent: [one('deliveries', '900x30', { pod: 'a', kind: 'slack', status: 'sending' })],
    labels: { kind: 'slack', status: 'dead' },
  },
  {
    alert: 'TalariaDeliveriesLate',
    fires: [one('delivery_oldest_pending_seconds', '1000x30', { pod: 'a', kind: 'slack' })],
    silent: [one('delivery_oldest_pending_seconds', '800x30', { pod: 'a', kind: 'slack' })],
    labels: { kind: 'slack' },
  },
  {
    alert: 'TalariaAccountBroken',
    fires: [one('account_ready', '0x30', { pod: 'a', account: 'main/ops', platform: 'slack' })],
    silent: [one('account_ready', '1x12 0x2 1x30', { pod: 'a', account: 'main/ops', platform: 'slack' })],
    labels: { account: 'main/ops' },
  },
];
