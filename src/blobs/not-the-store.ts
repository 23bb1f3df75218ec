/** Something answered that is not the store: nothing of it is believed, and nothing is known of what was asked. */
export class NotTheStore extends Error {
  override readonly name = 'NotTheStore';
  /** The HTTP status of that answer. */
  readonly answer: number;

  constructor(answer: number) {
    super('what answers there is not the store');
    this.answer = answer;
  }
}
