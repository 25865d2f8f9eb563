import type { ServerResponse } from 'node:http';
import { Gauge, type Registry } from 'prom-client';
import { TalariaError } from '../../core/lib/errors.ts';

/** Counts the event streams that this replica holds open. */
export interface OpenStreams {
  /** Counts one more until the function it gives is called. Throws `overloaded` when there are as many as may be. */
  readonly open: () => () => void;
}

/** Makes OpenStreams for at most `most` of them, with a gauge. */
export function createOpenStreams(most: number, registry: Registry): OpenStreams {
  let open = 0;
  new Gauge({
    name: 'talaria_http_open_streams',
    help: 'Event streams that are open.',
    registers: [registry],
    collect() {
      this.set(open);
    },
  });
  return {
    open: () => {
      if (open >= most) {
        throw new TalariaError(
          'overloaded',
          'This gateway holds as many event streams open as it can. Try again shortly, or ask without stream.',
        );
      }
      open += 1;
      let counted = true;
      return () => {
        if (counted) open -= 1;
        counted = false;
      };
    },
  };
}

/**
 * Counts the stream of this answer until its connection closes. To be called before anything is awaited: whoever comes
 * after the connection closed does not hear of it. Throws `overloaded`.
 */
export function countStream(streams: OpenStreams, response: ServerResponse): void {
  if (!response.destroyed) response.once('close', streams.open());
}
