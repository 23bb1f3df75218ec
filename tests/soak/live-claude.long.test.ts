import { expect, inject, it } from 'vitest';
import { liveEditing } from './live-claude.ts';

it('keeps two homes equal while Claude Code writes in both for two minutes', async () => {
  const { lines, bytes } = await liveEditing({ program: inject('program'), seconds: 120 });
  console.log(`two minutes of live editing: ${lines} lines, ${bytes} bytes in 10 transcripts, equal byte for byte`);
  expect(lines).toBeGreaterThan(3_000);
}, 600_000);
