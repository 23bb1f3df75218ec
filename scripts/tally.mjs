/**
 * Counts vitest's JSON report. Failures are failed tests, and what vitest does not count as a test: files that did not
 * load, and a run that ended badly for another reason (an unhandled error, a crash). `report` is null where vitest
 * wrote none.
 */
export function tally(report, exitCode) {
  if (report === null) return { passed: 0, failed: 1, notes: [`vitest wrote no report (exit code ${exitCode})`] };
  const notes = [];
  let failed = report.numFailedTests;
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  for (const file of broken) notes.push(`did not run: ${file.name}`);
  failed += broken.length;
  const notRun = report.numPendingTests + report.numTodoTests;
  if (notRun > 0) notes.push(`${notRun} skipped`);
  if (failed === 0 && (exitCode !== 0 || report.numPassedTests === 0)) {
    notes.push(exitCode === 0 ? 'there were no tests' : `vitest ended with exit code ${exitCode} though no test failed`);
    failed = 1;
  }
  return { passed: report.numPassedTests, failed, notes };
}
