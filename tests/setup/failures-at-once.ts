import type { Reporter, TestCase } from 'vitest/node';

/** Prints why a test failed when it does, beside the reporter that does so in the end: a run of an hour may be ended before. */
export default class FailuresAtOnce implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state !== 'failed') return;
    for (const { message, stack, diff } of errors ?? []) {
      process.stderr.write(`FAILED ${test.module.relativeModuleId} > ${test.fullName}\n${stack ?? message}\n${diff ?? ''}\n`);
    }
  }
}
