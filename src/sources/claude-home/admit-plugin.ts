import type { FileTree } from '../../core/ports/files.ts';
import type { Admission, FormPart } from '../../kinds/claude-home/form.ts';
import { pluginFolders } from '../../kinds/claude-home/plugin-forms.ts';

/**
 * Whether an entry of a plugin registry may be put in place: once the folders that it names are, each of which needed an
 * answer of its own. A registry that names what is not there says "enabled" of what does not load. `null`: the part is no
 * such entry, or it names folders elsewhere on the disk, and an answer decides. `files` is the Claude home.
 */
export function admitPlugin(part: FormPart, files: FileTree): Admission | null {
  const folders = pluginFolders(part);
  if (folders === null) return null;
  return folders.every((folder) => isFolder(files, folder)) ? 'yes' : 'later';
}

function isFolder(files: FileTree, folder: string): boolean {
  const stat = files.stat(folder);
  return stat.ok && stat.value.type === 'folder';
}
