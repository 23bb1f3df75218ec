import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { completeLock, missingPlatforms } from './complete-lock.mjs';

const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));

describe('package-lock.json', () => {
  const lock = read('package-lock.json');

  it('names the native packages of every platform; else run: node scripts/complete-lock.mjs', () => {
    expect(missingPlatforms(lock)).toEqual({});
  });

  it('pins what package.json asks for, exactly', () => {
    const { dependencies, devDependencies } = read('package.json');
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect(`${name}@${version}`).toMatch(/@\d+\.\d+\.\d+$/);
      expect([name, lock.packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
    }
  });

  it('names no place to fetch from, and what each package must hash to, but for platforms that are not at hand', () => {
    for (const [name, entry] of Object.entries(lock.packages).filter(([at]) => at !== '')) {
      expect([name, entry.resolved]).toEqual([name, undefined]);
      if (entry.integrity === undefined) expect([name, entry.optional, entry.os]).toEqual([name, true, [expect.any(String)]]);
    }
  });
});

describe('completeLock', () => {
  it('adds what parents ask for, with the platform that the name says', () => {
    const parent = { version: '1.0.0', dev: true, optionalDependencies: { '@x/y-linux-arm64-musl': '1.0.0', 'z-win32-x64-msvc': '1.0.0' } };
    const { packages } = completeLock({
      packages: { '': {}, 'node_modules/y': parent, 'node_modules/z-win32-x64-msvc': { version: '1.0.0' } },
    });
    expect(packages['node_modules/@x/y-linux-arm64-musl']).toEqual({
      version: '1.0.0',
      os: ['linux'],
      cpu: ['arm64'],
      libc: ['musl'],
      dev: true,
      optional: true,
    });
    expect(Object.keys(packages)).toHaveLength(4);
    expect(() => completeLock({ packages: { a: { optionalDependencies: { fsevents: '2.3.3' } } } })).toThrow('fsevents');
  });
});
