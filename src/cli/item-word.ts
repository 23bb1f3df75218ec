import { shellWord } from '../config/private-file.ts';
import { printable } from './output-style.ts';

/**
 * An item's name as it can be pasted into a shell behind `satchel show`: names come from other machines, and one made
 * to be pasted must not run, nor be taken for an option.
 */
export function itemWord(name: string): string {
  return shellWord(printable(name.startsWith('-') ? `./${name}` : name));
}
