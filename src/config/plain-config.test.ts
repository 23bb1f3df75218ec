import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainConfig } from './plain-config.ts';
import { configSchema } from './schema.ts';

const foreign = fc.constantFrom<unknown>(
  null,
  1,
  1.5,
  -1,
  65_536,
  '',
  'x'.repeat(2000),
  [],
  {},
  [''],
  ['a'],
  true,
  'a b',
  '~',
  '/a\0',
  NaN,
);
const some = fc.constantFrom('a', 'notes', 'claude', 'claude-json', '/data', '~/x', '~', '**/*.md', '10.0.0.1');
const list = fc.array(fc.oneof({ weight: 9, arbitrary: some }, { weight: 1, arbitrary: foreign }), { maxLength: 3 });
const field = (...right: fc.Arbitrary<unknown>[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.oneof(...right) }, { weight: 1, arbitrary: foreign });
const source = fc.record(
  { id: field(some), path: field(some), space: field(some), include: field(list), exclude: field(list), more: foreign },
  { requiredKeys: [] },
);
const categories = fc.dictionary(fc.constantFrom('skills', 'sessions', 'sesions'), field(fc.boolean()));
const claude = fc.record(
  { categories: field(categories), include: field(list), exclude: field(list), notSecret: field(list) },
  { requiredKeys: [] },
);
const memProject = fc.record({ project: field(some), local: field(fc.boolean()), space: field(some) }, { requiredKeys: [] });
const claudeMem = fc.record({ projects: field(fc.array(memProject, { maxLength: 2 })) }, { requiredKeys: [] });
const settings = fc.record(
  {
    host: field(some),
    port: field(fc.integer({ min: -1, max: 65_536 })),
    hub: field(fc.boolean()),
    logLevel: field(fc.constantFrom('info', 'debug', 'loud')),
    names: field(list),
    sources: field(fc.array(source, { maxLength: 2 })),
    claude: field(claude),
    claudeMem: field(claudeMem),
    prot: foreign,
  },
  { requiredKeys: [] },
);

describe('what is plainly right', () => {
  it('is so to the schema too, with the same defaults', () => {
    fc.assert(
      fc.property(settings, (value) => {
        const plain = plainConfig(value);
        if (plain !== null) expect(configSchema.parse(value)).toEqual(plain);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    {},
    { port: 0, sources: [{ id: 'tree', path: '/data' }] },
    { host: 'hub.example.org', hub: true, logLevel: 'warn', names: ['hub'], claude: { categories: { sessions: false } } },
    { sources: [{ id: 'a', path: '~/a', space: 'team', include: ['**/*.md'], exclude: ['tmp/**'] }], claude: { include: ['x/**'] } },
  ])('is what people write: %j', (value) => {
    expect(plainConfig(value)).toEqual(configSchema.parse(value));
    expect(plainConfig(value)).not.toBeNull();
  });
});
