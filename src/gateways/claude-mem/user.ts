const USER = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;

/** What a user of the gateway may be called: it stands in headers. */
export function isUser(value: unknown): value is string {
  return typeof value === 'string' && USER.test(value);
}
