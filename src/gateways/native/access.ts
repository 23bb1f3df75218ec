import type { SpaceId } from '../../core/ids.ts';
import { ApiError } from './api-error.ts';
import type { HubAuthority, Role } from './authority.ts';
import type { HubContext } from './hub-app.ts';

/** The caller's role in a space. Unknown spaces and those of others look alike. */
export async function roleIn(c: HubContext, authority: HubAuthority, space: SpaceId): Promise<Role> {
  const role = await authority.roleOf(space, c.get('machine'));
  if (role === null) throw noSpace();
  return role;
}

/** Lets writers and owners pass who have so many bytes left. */
export async function mayWrite(c: HubContext, authority: HubAuthority, space: SpaceId, bytes: number): Promise<void> {
  await mayWriteAs(await roleIn(c, authority, space), c, authority, space, bytes);
}

/** The same for a caller whose role was looked up already. */
export async function mayWriteAs(role: Role, c: HubContext, authority: HubAuthority, space: SpaceId, bytes: number): Promise<void> {
  if (role === 'reader') throw new ApiError('read-only', 'this machine is a reader of the space');
  await hasRoom(c, authority, space, bytes);
}

export async function hasRoom(c: HubContext, authority: HubAuthority, space: SpaceId, bytes: number): Promise<void> {
  if (!(await authority.hasRoom(space, c.get('machine'), bytes)))
    throw new ApiError('quota', 'the quota of this space or machine is used up');
}

export function noSpace(): ApiError {
  return new ApiError('no-space', 'no such space, or it does not list this machine');
}
