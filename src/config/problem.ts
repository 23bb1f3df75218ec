/** One thing that is wrong in the configuration. Never holds the wrong value itself, which may be a secret, unless it is a number. */
export interface ConfigProblem {
  /** The file, or `the environment`, or `the command line`. */
  readonly where: string;
  /** `port`, `sources[1].path`, `SATCHEL_PORT`; '' for the file as a whole. */
  readonly key: string;
  readonly message: string;
  /** What to do, as an instruction or a command. */
  readonly fix: string;
}

/** One line a problem: `config.json: port: expected …, got a string. Fix`. */
export function problemToText(problem: ConfigProblem): string {
  const key = problem.key === '' ? '' : `${problem.key}: `;
  return `${problem.where}: ${key}${problem.message}. ${problem.fix}`;
}
