import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const core = path.join(import.meta.dirname, '../../../../core');

/** In a process of its own: only the real logger shows what it keeps out of a line. */
it('the log names the object whose reconcile failed, and the one that there was no room for', async () => {
  const script = `
    import { createController } from ${JSON.stringify(path.join(core, 'kube/controller.ts'))};
    import { createLogger } from ${JSON.stringify(path.join(core, 'lib/log.ts'))};
    const controller = createController({
      name: 'status',
      maxKeys: 1,
      reconcile: async () => { throw new Error('no answer'); },
      log: createLogger('talaria-test', 'info'),
      onError: () => controller.stop(),
    });
    controller.add('agents/coder');
    controller.add('agents/writer');
    controller.start();`;
  const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string; object: string });
  expect(lines.map(({ msg, object }) => [msg, object])).toEqual([
    ['the queue is full, an object was dropped', 'agents/writer'],
    ['reconcile failed', 'agents/coder'],
  ]);
});
