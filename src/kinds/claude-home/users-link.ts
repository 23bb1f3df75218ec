/** Where people put what they made themselves, one entry each; not what programs unpack, clone or write there. */
const BY_HAND: ReadonlySet<string> = new Set([
  'rules',
  'skills',
  'agents',
  'commands',
  'output-styles',
  'workflows',
  'hooks',
  'themes',
  'plans',
  'agent-memory',
]);

/**
 * Whether a link at this name of a Claude home can be trusted to be its user's, as of settings.json into a dotfiles
 * repository. One deeper in a skill or a plugin came with that: followed, it would carry whatever it names.
 */
export function mayBeUsersLink(name: string): boolean {
  const [folder = '', ...inside] = name.split('/');
  return inside.length === 0 || (inside.length === 1 && BY_HAND.has(folder));
}
