/**
 * One gateway in a process of its own, for `npm run verify:isolation`. Its argument is the database; each message of its
 * parent is a configuration, and is answered once that is in force. It ends with its parent.
 */
import { startTestGateway } from '../test/harness/gateway.ts';

const gateway = await startTestGateway({ databaseUrl: process.argv[2] ?? '' });
process.on('message', (fields: object) => {
  gateway.serve(fields).then(
    () => process.send?.({ served: true }),
    (error: unknown) => process.send?.({ served: false, error: String(error) }),
  );
});
process.on('disconnect', () => void gateway.stop().then(() => process.exit()));
process.send?.({ url: gateway.url });
