/** Longer names are cut here, and told apart by a hash. */
const LONGEST = 200;

/**
 * The name of the folder in `projects/` that Claude Code keeps a project's sessions in. `path` is absolute, its links
 * resolved, in the spelling that the disk gives. Lossy: two paths may have one folder. O(length).
 */
export function projectFolder(path: string): string {
  const name = path.replace(/[^a-zA-Z0-9]/g, '-');
  if (name.length <= LONGEST) return name;
  let hash = 0;
  for (let index = 0; index < path.length; index += 1) hash = ((hash << 5) - hash + path.charCodeAt(index)) | 0;
  return `${name.slice(0, LONGEST)}-${Math.abs(hash).toString(36)}`;
}
