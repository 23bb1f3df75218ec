/** A file of this machine's keys cannot be read as one: it was cut, or written over. */
export class DamagedKeyFile extends Error {
  override readonly name = 'DamagedKeyFile';
  /** The command that leads out, for people. */
  readonly remedy: string;
  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}
