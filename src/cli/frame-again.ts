import { shellWord } from '../config/private-file.ts';
import { printable } from '../node/printable.ts';
import type { Invocation } from './frame-parser.ts';

/** An option's value as `run` gets it, by its key; `false` and `undefined` leave it out. */
export type MoreOptions = Readonly<Record<string, boolean | number | string | undefined>>;

/**
 * The command line of an invocation, with `more` set besides: a remedy that says "the same, and this" has to carry all that was given, or it
 * does something else. `--json` is left out, which is about the answer alone. Not for commands that take secrets as arguments.
 */
export function sameCommand(
  { leaf, call, args, options }: Pick<Invocation, 'leaf' | 'call' | 'args' | 'options'>,
  more: MoreOptions,
): string {
  const given = Object.keys(leaf.arguments ?? {}).flatMap((name) => args[name] ?? []);
  const all = { ...options, ...more };
  const flags = Object.keys(leaf.options ?? {}).flatMap((key) => [all[key]].flat().flatMap((value) => written(flagOf(key), value)));
  return ['satchel', call, ...given.map(typed), ...flags].join(' ');
}

/** `olderThan` → `--older-than`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function written(flag: string, value: unknown): string[] {
  if (value === undefined || value === false) return [];
  return value === true ? [flag] : [flag, typed(`${value as string | number}`)];
}

function typed(word: string): string {
  return shellWord(printable(word));
}
