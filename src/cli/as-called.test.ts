import { describe, expect, it } from 'vitest';
import { asCalled } from './as-called.ts';

describe('asCalled', () => {
  it.each([
    ['Run: satchel up, or satchel join', 'Run: npm start -- up, or npm start -- join'],
    ['run here `satchel invite`', 'run here `npm start -- invite`'],
    ['/media/satchel is there; satchel: no', '/media/satchel is there; satchel: no'],
    ['Usage: satchel COMMAND [options]', 'Usage: npm start -- COMMAND [options]'],
    ['Run: satchel --help', 'Run: npm start -- --help'],
    ['satchel show CLAUDE.md --json', 'npm -s start -- show CLAUDE.md --json'],
    ['satchel status --json', 'npm -s start -- status --json'],
    ['Into a file: satchel show 3f9a12cd > FILE', 'Into a file: npm -s start -- show 3f9a12cd > FILE'],
    ['satchel invite --json | ssh laptop satchel join -', 'npm -s start -- invite --json | ssh laptop npm start -- join -'],
    ['Run: satchel up. For more: satchel status --json', 'Run: npm start -- up. For more: npm -s start -- status --json'],
    ['In /home/satchel now', 'In /home/satchel now'],
  ])('%s', (text, expected) => {
    expect(asCalled(text, 'npm start --')).toBe(expected);
    expect(asCalled(text, 'satchel')).toBe(text);
  });
});
