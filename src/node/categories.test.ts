import { expect, it } from 'vitest';
import { CLAUDE_CATEGORIES } from '../config/values.ts';
import { CATEGORIES } from '../kinds/claude-home/inventory.ts';

// Config knows no kinds, so it lists them itself.
it('config.json can switch every category of the inventory, and those of claude-mem', () => {
  expect(CLAUDE_CATEGORIES).toEqual([...CATEGORIES, 'claude-mem', 'claude-mem-tool-uses', 'mneme']);
});
