/** A project as people call it: the id that machines mint is its name and twelve digits (`project-alias.ts`). */
export function shortProject(project: string): string {
  return project.replace(/(?<=.)-[0-9a-f]{12}$/, '');
}
