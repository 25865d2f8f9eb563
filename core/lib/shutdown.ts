/**
 * Runs `stop` once on the first SIGINT or SIGTERM, then exits: 0 when it finished within `budgetMs`, else 1.
 * A second signal exits at once with 130.
 */
export function onShutdown(stop: () => Promise<void>, budgetMs: number): void {
  let stopping = false;
  const handle = () => {
    if (stopping) process.exit(130);
    stopping = true;
    const timer = setTimeout(() => process.exit(1), budgetMs);
    stop().then(
      () => {
        clearTimeout(timer);
        process.exit(0);
      },
      (error: unknown) => {
        process.stderr.write(`stopping failed: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
}
