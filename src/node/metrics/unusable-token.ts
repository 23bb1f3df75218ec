/** What is to open /metrics is there, and is no token that could be used. */
export class UnusableMetricsToken extends Error {
  override readonly name = 'UnusableMetricsToken';
}
