/** What a sync server says to a client that would ask it whether it may come. */
export type ServerAnswer = 'fine' | 'unknown-key' | { readonly unreachable: string };

const PATIENCE_MS = 15_000;
/** More than any server says of its health. */
const ANSWER_LENGTH = 4_096;
/** No route of any server's: it tells who asks before it says that it has none, so that asking changes nothing there. */
const NOWHERE = '/satchel-connect';

/** Asks as a client with this key would; `null`: one without. Nothing is read or changed by it. */
export async function askMnemeServer(url: string, key: string | null): Promise<ServerAnswer> {
  try {
    const health = await ask(`${url}/health`, null);
    const said = health.status === 200 ? parse(health.text) : null;
    if (said === null || said['status'] !== 'ok')
      return { unreachable: health.status === 200 ? 'it is no sync server of mneme' : `it answers ${health.status}` };
    const { status } = await ask(`${url}${NOWHERE}`, key);
    if (status === 401 || status === 403) return 'unknown-key';
    return status === 404 ? 'fine' : { unreachable: `it answers ${status}` };
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    return { unreachable: cause instanceof Error && cause.message !== '' ? cause.message : (error as Error).message };
  }
}

async function ask(url: string, key: string | null): Promise<{ readonly status: number; readonly text: string }> {
  const headers = key === null ? {} : { authorization: `Bearer ${key}` };
  const answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) });
  return { status: answer.status, text: await readSome(answer) };
}

/** Whoever it is may send without end. */
async function readSome(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(part, { stream: true });
    if (text.length > ANSWER_LENGTH) break; // which ends the connection
  }
  return text;
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // some other program
  }
}
