import { describe, expect, it } from 'vitest';
import { keptLosses, removedLine, staysLines } from './leave.ts';

describe('what leaving leaves behind', () => {
  const asCalled = (text: string): string => text;
  const space = {
    space: 's',
    name: 'personal',
    unsent: 0,
    unsent_items: [],
    only_here: false,
    others_depend: false,
    recovery_unshown: false,
  };
  const at = { ...space, remote: 'https://pi.local:4600', last: false, revoked: false };

  it('names what a purge left standing', () => {
    expect(removedLine('/home/ana/.satchel', [])).toBe('Removed /home/ana/.satchel.');
    expect(removedLine('/home/ana/.satchel', ['mine'])).toBe('Removed all but mine in /home/ana/.satchel.');
  });

  it('says where the space stays, and what opens it once the last machine left', () => {
    const said = (about: Partial<typeof at>, purge: boolean): string =>
      staysLines({ asCalled }, { spaces: [{ ...at, ...about }] }, purge).join('\n');
    expect(said({}, true)).toBe('personal stays at https://pi.local:4600, encrypted, for your other machines.');
    expect(said({ last: true }, true)).toMatch(/only the recovery key opens it now, by: satchel keys recover https:\/\/pi\.local:4600$/);
    expect(said({ last: true, recovery_unshown: true }, true)).toContain('Nothing opens it');
    expect(said({ last: true }, false)).toContain('opens with the keys that are left here');
    expect(staysLines({ asCalled }, { spaces: [{ ...at, remote: null }] }, true)).toEqual([]);
    expect(said({ revoked: true }, true)).toBe('');
  });

  it('names what is kept for others, or was left here before', () => {
    const log = { space: 'ab'.repeat(32), why: 'for-others', machines: 2, recovery_unshown: false, elsewhere: null } as const;
    const said = (about: Partial<Parameters<typeof keptLosses>[1]>, purge: boolean): string =>
      keptLosses({ asCalled }, { ...log, ...about }, purge).join('\n');
    expect(said({}, false)).toBe(
      'space abababababab: its log is ordered here, for 2 machines: they cannot sync any more. Run on one of them: satchel spaces move SPACE REMOTE',
    );
    expect(said({}, true)).toContain('bodies that are nowhere else');
    const elsewhere = 'the database satchel at db';
    expect([said({ elsewhere }, false), said({ elsewhere }, true)]).toEqual(['', expect.stringContaining(`stays in ${elsewhere}`)]);
    expect([said({ why: 'only-here' }, false), said({ why: 'only-here' }, true)]).toEqual(['', expect.stringContaining('nowhere else')]);
    expect(said({ why: 'recovery-key', recovery_unshown: true }, true)).toContain('never written down');
  });
});
