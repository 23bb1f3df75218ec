import { describe, expect, it } from 'vitest';
import { joinLines } from './invite.ts';
import { openedBy } from './store.ts';

describe('what opens a backup', () => {
  const said = (recovery: 'shown' | 'unshown' | null): string =>
    openedBy({ asCalled: (text) => text, style: { yellow: (text: string) => text } as never }, recovery).join(' ');

  it('is the recovery key, where somebody has it', () => {
    expect(said('shown')).toContain('Your recovery key opens it');
    expect(said('unshown')).toMatch(/never written down.*satchel keys recovery/);
    expect(said('unshown')).not.toContain('opens it:');
    expect(said(null)).not.toContain('recovery key');
  });
});

describe('the line of an invitation', () => {
  it('is first as the program is called here', () => {
    expect(joinLines('npm start --', 'L')[0]).toBe("  npm start -- join 'L'");
    expect(joinLines('satchel', 'L')[0]).toBe("  satchel join 'L'");
  });
});
