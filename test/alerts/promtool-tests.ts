import { type AlertCase, healthy, namespace, type Series } from './cases.ts';

/** A rule as it stands in a PrometheusRule. */
export interface AlertRule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** When rules are asked; all series go on until then, and every `for` is over. */
const evalTime = '18m';

/** A test in the format of `promtool test rules`, in which the alert of the case fires, once and with its labels. */
export function firingTest(rules: readonly AlertRule[], { alert, fires, gone = [], ...rest }: AlertCase): object {
  const rule = rules.find((candidate) => candidate.alert === alert);
  if (rule === undefined) throw new Error(`the chart has no rule named ${alert}`);
  const labels = { ...(rest.ofNothing ? {} : { namespace }), ...rest.labels };
  const expected = {
    exp_labels: { ...rule.labels, ...labels },
    exp_annotations: Object.fromEntries(
      Object.entries(rule.annotations).map(([name, text]) => [name, filled(text, labels)]),
    ),
  };
  const series = over(healthy, fires).filter(({ name }) => !gone.includes(name));
  return test(series, [{ eval_time: evalTime, alertname: alert, exp_alerts: [expected] }]);
}

/** A test in which these rules are silent, whatever of `changed` lies over the series. */
export function silentTest(
  rules: readonly AlertRule[],
  series: readonly Series[],
  changed: readonly Series[] = [],
): object {
  return test(
    over(series, changed),
    rules.map(({ alert }) => ({ eval_time: evalTime, alertname: alert, exp_alerts: [] })),
  );
}

function test(series: readonly Series[], alertRuleTest: readonly object[]): object {
  const input = series.map((each) => ({ series: nameOf(each), values: each.values }));
  return { interval: '1m', input_series: input, alert_rule_test: alertRuleTest };
}

/** The series, each replaced by the one of the same name and labels. */
function over(series: readonly Series[], changed: readonly Series[]): readonly Series[] {
  const names = new Set(changed.map(nameOf));
  return [...series.filter((each) => !names.has(nameOf(each))), ...changed];
}

function nameOf({ name, labels = {} }: Series): string {
  const all = Object.entries({ namespace, ...labels }).map(([label, value]) => `${label}="${value}"`);
  return `talaria_${name}{${all.sort().join(',')}}`;
}

function filled(text: string, labels: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? '');
}
