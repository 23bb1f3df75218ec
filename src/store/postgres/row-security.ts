import { APPLICATION_SETTING } from './transaction-settings.ts';

/**
 * A second line of defence, behind grants: rows of our tables are there only for the user that made them, owner or not,
 * and only in transactions that say that they are Satchel's. They are asked in a subquery: once a statement, not once a row.
 * For those of the tables `names` that are there, and have no such policy yet: what else is in the schema is somebody else's, who would see none of it any more.
 */
export function rowSecurity(names: readonly string[]): string {
  return `
do $$
declare
  name text;
begin
  for name in
    select relname from pg_class
      where relnamespace = (select oid from pg_namespace where nspname = current_schema()) and relkind = 'r'
        and relname in (${names.map((name) => `'${name}'`).join(', ')})
        and not exists (select from pg_policy where polrelid = pg_class.oid)
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy satchel on %I to current_user using ((select current_setting(%L, true) = ''on'')) with check ((select current_setting(%L, true) = ''on''))',
      name, '${APPLICATION_SETTING}', '${APPLICATION_SETTING}');
  end loop;
end
$$`;
}
