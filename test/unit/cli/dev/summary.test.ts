import { expect, it } from 'vitest';
import { formatComplaints } from '../../../../cli/dev/summary.ts';

it('an object on which our own code failed is named, with the place', () => {
  const unreported = [
    { key: 'Route/chats', uid: 'uid', generation: 1, fault: 'TypeError\n    at routeReport (report.ts:1:1)' },
  ];
  expect(formatComplaints({ objects: [], keyFaults: [], unreported })).toBe(
    'Route/chats: nothing can be said of it, which is a fault of Talaria: TypeError\n    at routeReport (report.ts:1:1)\n',
  );
});
