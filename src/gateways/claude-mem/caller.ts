import type { IncomingHttpHeaders } from 'node:http';
import type { Clients } from './clients.ts';
import { isUser } from './user.ts';
import { isDeviceId } from './mutation.ts';
import { Refusal } from './refusal.ts';

/** Who asks, as the headers of every call say it. */
export interface SyncCaller {
  readonly user: string;
  readonly device: string;
  readonly deviceName: string | null;
}

const DEVICE_NAME_LENGTH = 80;

/** Throws {@link Refusal}: 401 for whoever shows no token of that user, 400 for a device without a proper id. */
export async function identify(headers: Readonly<IncomingHttpHeaders>, clients: Clients): Promise<SyncCaller> {
  const [scheme = '', token = ''] = (headers.authorization ?? '').split(' ');
  const user = headers['x-user-id'];
  if (scheme.toLowerCase() !== 'bearer' || token === '') throw new Refusal(401, 'a bearer token is needed');
  if (!isUser(user) || !(await clients.isAllowed(user, token))) throw new Refusal(401, 'unknown user or token');
  const device = headers['x-device-id'];
  if (!isDeviceId(device)) throw new Refusal(400, 'X-Device-Id must be a non-empty string of at most 128 bytes');
  const name = headers['x-device-name'];
  if (Array.isArray(name) || (name !== undefined && name.length > DEVICE_NAME_LENGTH))
    throw new Refusal(400, `X-Device-Name must be at most ${DEVICE_NAME_LENGTH} characters`);
  return { user, device, deviceName: name === undefined || name === '' ? null : name };
}

/** Lets the caller's device in, or throws the 409 that clients know. */
export async function admit(caller: SyncCaller, clients: Clients): Promise<void> {
  if (!(await clients.admit(caller.user, caller.device, caller.deviceName))) throw new Refusal(409, 'device_limit_exceeded');
}
