/** The id that a client makes of a project's folder: absolute, slash-separated, links resolved. Two folders may have one. */
export function folderId(path: string): string {
  return path.replace(/^\//, '-').replaceAll('/', '-');
}

/** Whether an id may be made of a folder. Any other was chosen by the user, and is the same wherever it is said. */
export function isFolderId(id: string): boolean {
  return /^(?:-|[A-Za-z]:-)./.test(id);
}
