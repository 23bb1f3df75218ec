import type { MissingHere } from '../node/missing-here.ts';
import { printable } from './output-style.ts';

const SHOWN = 10;

/** What is not whole on this machine for want of a secret value, and where a person puts that. */
export function missingLines(missing: readonly MissingHere[]): string[] {
  const lines = missing.slice(0, SHOWN).flatMap(({ title, values, in_place: isHere, under, example, file, waiting }) => {
    const which = values.map(printable).join(' and ');
    const are = values.length === 1 ? 'is secret and stays' : 'are secret and stay';
    if (waiting) return [`${printable(title)}, once approved, is here without ${which}: that ${are} on the machine where it was written.`];
    return [
      isHere
        ? `${printable(title)} is here without ${which}: that ${are} on the machine where it was written.`
        : `${printable(title)} is not in place here: ${which} ${are} on the machine where it was written.`,
      `  To have it here, write it into ${printable(file)}${under.length === 0 ? '' : `, under ${under.map(printable).join(' → ')}`}, with your own value:`,
      `  ${printable(example)}`,
    ];
  });
  if (missing.length > SHOWN) lines.push(`and ${missing.length - SHOWN} more`);
  return lines;
}
