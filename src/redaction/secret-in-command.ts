import { isReference } from './scan-text.ts';
import { isSecretName } from './secret-names.ts';
import { isNothingButPlaceholder } from './token-formats.ts';

const SHORTEST = 6;
/** `NAME=value`, `--name=value`, `--name value`. */
const NAMED = /(?:^|[\s"';&|(])(?:(-{0,2})([A-Za-z][\w-]{1,63})=|--([A-Za-z][\w-]{1,63})\s{1,4})["']?([^\s"'`;|&]{1,512})/g;
/** `Authorization: Bearer value`, at the beginning of an argument. */
const HEADER = /(?:^|["'])([A-Za-z][\w-]{1,63}):\s{0,4}(?:(?:bearer|basic|token)\s{1,4})?([^"']{1,512})/gi;
const BEARER = /\bbearer\s{1,4}([^\s"']{1,512})/gi;
const USER = /(?:^|\s)(?:-u|--user|--proxy-user)[\s=]{0,4}["']?[^\s:"']{0,64}:([^\s"']{1,256})/g;
const IN_ADDRESS = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/@"':]{0,64}:([^\s/@"']{1,256})@/gi;
/** A token in the place of the user. */
const AS_USER = /\bhttps?:\/\/(?=[^\s/@"':]*\d)([^\s/@"':]{8,256})@/gi;

/**
 * Whether a command line, an argument or an address holds a secret by where it stands: in a place for secrets, whatever it
 * looks like. For settings, where in doubt a value stays; prose would be full of finds. O(text).
 */
export function holdsSecret(text: string): boolean {
  const named = [...text.matchAll(NAMED)].some(({ 2: assigned, 3: option, 4: value = '' }) => isSecret(assigned ?? option, value));
  const headers = [...text.matchAll(HEADER)].some(({ 1: name, 2: value = '' }) => isSecret(name, value));
  const others = [BEARER, USER, IN_ADDRESS, AS_USER].flatMap((pattern) => [...text.matchAll(pattern)]);
  return named || headers || others.some(({ 1: value = '' }) => isOpen(value, 4));
}

/** Whether a helper that prints a key has it written in itself: `echo KEY`. */
export function printsItself(command: string): boolean {
  const printed = /^\s*(?:echo|printf)\s+(.+)$/s.exec(command)?.[1];
  return printed !== undefined && !/[$`]/.test(printed);
}

function isSecret(name: string | undefined, value: string): boolean {
  return name !== undefined && isSecretName(name) && isOpen(value, SHORTEST);
}

/** Neither a reference, nor what documentation shows, nor a path to where the secret is. */
function isOpen(value: string, least: number): boolean {
  const isPath = /^(?:~|\.{1,2})?\/[\w.~/-]*$/.test(value);
  return value.length >= least && !isReference(value) && !value.startsWith('-') && !isPath && !isNothingButPlaceholder(value);
}
