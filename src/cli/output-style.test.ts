import { describe, expect, it } from 'vitest';
import { createStyle, printable, safeForTerminal } from './output-style.ts';

describe('what goes to a terminal', () => {
  it('keeps our lines and styles, and nothing else that acts', () => {
    const style = createStyle(true);
    const ours = `${style.bold('a')}\n\t${style.red(style.dim('b'))} ${style.green('c')}${style.yellow('ä')}`;
    expect(safeForTerminal(ours)).toBe(ours);
    expect(safeForTerminal('x\u001b[2Jy\u001b]0;title\u0007z\u009b31m\r\u202e')).toBe(
      'x\\u001b[2Jy\\u001b]0;title\\u0007z\\u009b31m\\u000d\\u202e',
    );
    expect(safeForTerminal(printable('a\nb\u001b[31m'))).toBe('a\\u000ab\\u001b[31m');
  });
});
