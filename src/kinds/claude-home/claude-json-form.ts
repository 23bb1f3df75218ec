import type { JsonTree } from '../json/tree.ts';
import { createJsonForm } from './json-form.ts';
import { restricts } from './settings-form.ts';

/** Of a project in .claude.json; never whether it is trusted, which each machine's user says anew. */
const PROJECT_KEYS: ReadonlySet<string> = new Set(['mcpServers', 'allowedTools', 'enabledMcpjsonServers', 'disabledMcpjsonServers']);

/**
 * .claude.json: MCP servers, and a few keys of the projects that this machine knows. All else in it belongs to the machine:
 * its account, counters, caches.
 */
export const claudeJsonForm = createJsonForm({
  id: 'claude-json',
  name: '.claude.json',
  mayHoldSecrets: true,
  partsAt(place) {
    const [key, , list] = place;
    const depth = place.length;
    if (depth === 0) return 'inside';
    if (key === 'mcpServers') return depth === 1 ? 'inside' : 'part';
    if (key !== 'projects') return 'part';
    if (depth <= 2) return 'inside';
    if (depth === 3) return list === 'mcpServers' ? 'inside' : 'entries';
    return 'part';
  },
  atOnce(place, part) {
    if (place[0] === 'mcpServers' || place[2] === 'mcpServers') return part.wanted === null;
    if (place.length !== 4) return false; // a list that is none
    return restricts(place[2] === 'disabledMcpjsonServers' ? 'deny' : 'allow', part);
  },
  isWhole: (place) => (place[0] === 'mcpServers' && place.length === 2) || (place[2] === 'mcpServers' && place.length === 4),
  isProject: (place) => place[0] === 'projects' && place.length === 2,
  // Claude Code begins the file anew where it finds it broken, and forgets projects: neither is a wish.
  absenceSaysNothing: (place) => place.length === 1 || (place[0] === 'projects' && place.length <= 3),
  part: { extract, embed },
});

function extract(file: JsonTree, known: JsonTree | null): JsonTree {
  const projects = new Map<string, JsonTree>();
  for (const [path, project] of membersOf(memberOf(file, 'projects'))) {
    const before = memberOf(memberOf(known, 'projects'), path);
    const keys = [...membersOf(project)].filter(([key, value]) => PROJECT_KEYS.has(key) && takesPart(value, memberOf(before, key)));
    if (keys.length > 0) projects.set(path, { type: 'object', members: new Map(keys) });
  }
  const servers = memberOf(file, 'mcpServers');
  const members = new Map<string, JsonTree>();
  if (servers !== null && takesPart(servers, memberOf(known, 'mcpServers'))) members.set('mcpServers', servers);
  if (projects.size > 0) members.set('projects', { type: 'object', members: projects });
  return { type: 'object', members };
}

/** Projects that the file does not know have no place here. What is not in the part any more becomes empty. */
function embed(file: JsonTree, part: JsonTree): JsonTree {
  const members = new Map(membersOf(file));
  const servers = memberOf(part, 'mcpServers') ?? emptied(memberOf(file, 'mcpServers'));
  if (servers !== null) members.set('mcpServers', servers);
  const projects = new Map(membersOf(memberOf(file, 'projects')));
  for (const [path, project] of projects) {
    const wanted = memberOf(memberOf(part, 'projects'), path);
    const keys = new Map(membersOf(project));
    for (const key of PROJECT_KEYS) {
      const value = memberOf(wanted, key) ?? emptied(memberOf(project, key));
      if (value !== null) keys.set(key, value);
    }
    projects.set(path, project.type === 'object' ? { type: 'object', members: keys } : project);
  }
  if (projects.size > 0) members.set('projects', { type: 'object', members: projects });
  return { type: 'object', members };
}

function takesPart(value: JsonTree, before: JsonTree | null): boolean {
  return !isEmpty(value) || before !== null;
}

function emptied(value: JsonTree | null): JsonTree | null {
  if (value?.type === 'object') return { type: 'object', members: new Map() };
  return value?.type === 'array' ? { type: 'array', items: [] } : value;
}

function isEmpty(value: JsonTree): boolean {
  return value.type === 'object' ? value.members.size === 0 : value.type === 'array' ? value.items.length === 0 : value.type === 'literal';
}

function membersOf(tree: JsonTree | null): ReadonlyMap<string, JsonTree> {
  return tree?.type === 'object' ? tree.members : new Map();
}

function memberOf(tree: JsonTree | null, key: string): JsonTree | null {
  return membersOf(tree).get(key) ?? null;
}
