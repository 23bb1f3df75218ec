/** Where the gateway is on a node's own listener: claude-mem asks below whatever address it was given. */
export const CLAUDE_MEM_PREFIX = '/claude-mem';
