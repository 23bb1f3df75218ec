/** What helps where a source is not ok, by the type of its state. */
export function heldRemedy(state: string): string {
  switch (state) {
    case 'mass-deletion':
    case 'older-state':
      return 'Which, and to answer: satchel pending';
    case 'root-missing':
      return 'Nothing counts as deleted. Bring it back, or answer: satchel pending';
    case 'disk-full':
      return 'Free some space: it goes on by itself';
    case 'no-folder':
      return 'Name a folder in config.json, or in CLAUDE_CONFIG_DIR';
    default:
      return 'Run: satchel doctor';
  }
}
