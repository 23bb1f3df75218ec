export type RefusalStatus = 400 | 401 | 404 | 409 | 411 | 413 | 415 | 429;

/** Ends a request with this status and `{"error": message}`. The message goes to the client, and holds no secret. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: RefusalStatus;
  constructor(status: RefusalStatus, message: string) {
    super(message);
    this.status = status;
  }
}
