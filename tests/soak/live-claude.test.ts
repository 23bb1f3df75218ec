import { expect, inject, it } from 'vitest';
import { liveEditing } from './live-claude.ts';

it('keeps two homes equal while Claude Code writes in both', async () => {
  expect((await liveEditing({ program: inject('program'), seconds: 6 })).lines).toBeGreaterThan(100);
}, 180_000);
