/** Which values config.json takes, for the schema and for what is plainly right without it. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** Of the inventory of the Claude home, claude-mem's database, and claude-mneme's files. */
export const CLAUDE_CATEGORIES = [
  'instructions',
  'skills',
  'agents',
  'commands',
  'output-styles',
  'workflows',
  'hooks',
  'settings',
  'mcp',
  'plugins',
  'sessions',
  'history',
  'memory',
  'plans',
  'themes',
  'keybindings',
  'claude-mem',
  'claude-mem-tool-uses',
  'mneme',
] as const;

/** Where a hub keeps chunks, where not in its store: what it has to be exactly is said when it is opened. */
export const OBJECTS = /^(?:s3|azure):\/\/[^\s@]{1,2000}$/;
export const HOST = /^[A-Za-z0-9.:_-]{1,253}$/;
export const SOURCE_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Two sources of one name would write over what the other one notes. */
export const OWN_SOURCES: readonly string[] = ['claude', 'claude-json', 'claude-mem', 'mneme'];

/** `https://host`, or `http://host:port` on loopback, which alone is answered without TLS; without path, user or anything else. */
export function isPublicUrl(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  const isNear = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  return (text === origin || text === `${origin}/`) && (protocol === 'https:' || isNear);
}
