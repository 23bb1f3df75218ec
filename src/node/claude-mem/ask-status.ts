/** What a gateway says to a worker that would ask it how it stands: nobody is admitted by that. */
export type GatewayAnswer = 'fine' | 'unknown-token' | { readonly unreachable: string };

const PATIENCE_MS = 15_000;

/** Asks as a worker with this token would. */
export async function askGatewayStatus(url: string, user: string, token: string): Promise<GatewayAnswer> {
  const headers = { authorization: `Bearer ${token}`, 'x-user-id': user, 'x-device-id': 'satchel-connect' };
  try {
    const answer = await fetch(`${url}/v1/sync/status`, { headers, redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) });
    await answer.body?.cancel();
    if (answer.status === 401) return 'unknown-token';
    return answer.status === 200 ? 'fine' : { unreachable: `it answers ${answer.status}` };
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    return { unreachable: cause instanceof Error && cause.message !== '' ? cause.message : (error as Error).message };
  }
}
