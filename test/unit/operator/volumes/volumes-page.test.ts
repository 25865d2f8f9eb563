import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { conditionTable } from '../../../../core/conditions.ts';
import { createOperatorMetrics } from '../../../../operator/metrics.ts';
import { agentLabel, newClaim, retryAnnotation } from '../../../../operator/volumes/claims.ts';
import { mountsOf, withVolumes } from '../../../../operator/volumes/gateway-template.ts';
import { maxVolumes } from '../../../../operator/volumes/obstacles.ts';
import { gateways, wish } from './world.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../../docs/volumes.md'), 'utf8');

it('the page about volumes says what to do for every reason, and names no other', () => {
  const [, table = ''] = page.split('| what to do |');
  const rows = [...table.matchAll(/^\| (`.+?`) \|/gm)].map(([, reasons = '']) =>
    reasons.replaceAll('`', '').split(', '),
  );
  const { ProfileReady: _, ...reasons } = conditionTable.ProfileReady.reasons;
  expect(rows.flat().toSorted()).toEqual(Object.keys(reasons).toSorted());
});

it('the page about volumes names the labels, the annotation, the metric, the folder and the limit as they are', async () => {
  const { name, labels } = newClaim(wish('archivist')).metadata;
  const ours = Object.keys(labels ?? {}).filter((label) => label.startsWith('talaria.dev/'));
  for (const label of [...ours, retryAnnotation, `${agentLabel}=AGENT`, name]) expect(page).toContain(label);
  const [metric = ''] = /talaria_operator_\w+/.exec(page) ?? [];
  expect(createOperatorMetrics().registry.getSingleMetric(metric)).toBeDefined();
  const memory = { mounts: { a: 'b' }, added: [], changedAt: 0, setAside: {} };
  const { spec } = withVolumes(gateways(), memory);
  const folders = spec?.template?.spec?.containers?.[0]?.volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
  const folder = folders.find((each) => each.endsWith('/workspace'));
  expect(page).toContain(`\`${folder?.replace('/a/', '/<agent>/')}\``);
  expect(mountsOf(spec?.template)).toEqual({ a: 'b' });
  expect(page).toContain(`At most ${maxVolumes} agents`);
});
