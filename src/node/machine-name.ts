import { LEFT } from './unique-name.ts';

const LONGEST = 64;
/** Control characters, line breaks and marks that reorder or hide what is read. What joins emoji is none. */
const UNFIT = /(?!\u200d)[\p{Cc}\p{Cf}\u2028\u2029]/u;

/** Why nothing may be called so, for people; `null` for a name. Names stand in lists on other machines, and in commands. */
export function machineNameProblem(name: string): string | null {
  if (name.trim() === '') return 'expected a name that is more than blanks';
  if (name.length > LONGEST) return `expected at most ${LONGEST} characters`;
  if (UNFIT.test(name)) return 'expected a name without line breaks, control characters and invisible marks';
  if (name.endsWith(LEFT)) return `expected a name that does not end with${LEFT}, which is said of machines that left`;
  return null;
}

/** What a machine is called before anybody says how: the name of its host, as far as it is one. */
export function nameOfHost(host: string): string {
  const name = host.replaceAll(new RegExp(UNFIT, 'gu'), '').slice(0, LONGEST).trim();
  return machineNameProblem(name) === null ? name : 'machine';
}
