/** Counts what a `npm run verify:<name>` checks and prints a line for each check. */
export interface Checks {
  /** Runs one check; a failure is printed with its reason and does not end the others. */
  readonly check: (title: string, work: () => Promise<string | undefined> | string | undefined) => Promise<void>;
  /** Counts the outcome of a program that made several checks by itself. */
  readonly count: (passed: number, failed: number) => void;
  /** Prints `N passed, N failed` and sets the exit code: 1 when anything failed or nothing ran. */
  readonly finish: () => void;
}

/** Makes the Checks of one run. */
export function createChecks(): Checks {
  let passed = 0;
  let failed = 0;
  return {
    check: async (title, work) => {
      try {
        const note = await work();
        passed += 1;
        process.stdout.write(`ok   ${title}${note === undefined ? '' : `: ${note}`}\n`);
      } catch (error) {
        failed += 1;
        process.stdout.write(`FAIL ${title}: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    },
    count: (more, bad) => {
      passed += more;
      failed += bad;
    },
    finish: () => {
      process.stdout.write(`${passed} passed, ${failed} failed\n`);
      process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
    },
  };
}
