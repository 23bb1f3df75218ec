import { revisionOf, siblingOf } from '../../src/core/change.ts';
import { encodeCanonical } from '../../src/core/canonical.ts';
import { chunkLengths } from '../../src/core/chunking.ts';
import { attributesBytes, type Content } from '../../src/core/content.ts';
import { padmeLength } from '../../src/core/crypto/container.ts';
import { sha256, sha256Hex } from '../../src/core/crypto/hash.ts';
import { openObject, sealBundle, sealChunk, sealCommitBody } from '../../src/core/crypto/object-cipher.ts';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { contentDigest, createSpaceKeys, epochCommitment } from '../../src/core/crypto/space-keys.ts';
import {
  bytesToHex,
  commitKey,
  type CommitId,
  type ContentDigest,
  type MachineId,
  type ObjectId,
  type RecordHash,
  type Revision,
  type SpaceId,
} from '../../src/core/ids.ts';
import { invitationKeys, sealAnswer, sealOffer, sealRequest } from '../../src/core/joining/invitation.ts';
import { formatJoinLink } from '../../src/core/joining/link.ts';
import { headWords, keyWords, secretToWords } from '../../src/core/joining/words.ts';
import { encodeCommit } from '../../src/core/log/commit-codec.ts';
import { encodeControl, type ControlPayload } from '../../src/core/log/control.ts';
import { encodeRecord, sealRecord } from '../../src/core/log/record.ts';
import { signAsHub, signAsMachine } from '../../src/core/hub-protocol/proofs.ts';
import { StateDigest, statePages } from '../../src/core/replica/state-pages.ts';
import { UsedCommits } from '../../src/core/replica/used-commits.ts';
import { createRecoveryKey, genesisProof, replacementProof } from '../../src/core/replica/recovery-key.ts';
import { sealText } from '../../src/core/replica/sealed-text.ts';
import { encodeSecrets } from '../../src/core/replica/secrets.ts';
import { createAgeKeyWrapping } from '../../src/node/age-key-wrapping.ts';
import { createCompressionDouble } from '../doubles/compression.ts';

const bytes = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const space = '5a'.repeat(32) as SpaceId;
const commit = 'c0'.repeat(16) as CommitId;
const item = { kind: 'text', name: 'rules/é.md' };

/** Vectors of the format: fixed keys in, bytes out, all as text. Bodies are short, so that nothing is compressed. */
export async function makeVectors(): Promise<{ readonly [name: string]: string }> {
  const keys = createSpaceKeys({ spaceKey: bytes(1), epochKeys: new Map([[1, bytes(2)]]) });
  const signing = createSigningKey(bytes(3));
  const compression = createCompressionDouble(); // never asked: short plaintexts are stored as they are
  const random = { bytes: (length: number) => bytes(4, length) };
  const binding = { space, keyId: 1, signer: signing.machine, commit };
  const plain = Buffer.from('Be kind.\n');
  const chunk = await sealChunk(plain, space, 1, keys, compression);
  const bundle = await sealBundle(plain, binding, keys, compression, random);
  const opened = await openObject(chunk, space, keys, compression);
  const digest = contentDigest(keys.digestKey, sha256(plain), attributesBytes({}));
  const revision = revisionOf(item, null, digest);
  const content = { digest, size: plain.length, attributes: {}, pieces: [{ object: chunk.id, keyId: 1, offset: 0, length: plain.length }] };
  const plaintext = encodeCommit(
    {
      id: commit,
      time: 1_750_000_000_000,
      message: 'm',
      writer: 'w',
      changes: [
        { type: 'put', item, base: null, needs: [], content, history: [] },
        { type: 'delete', item, base: revision, needs: [{ item, revision: null }] },
        { type: 'resolve', item, base: revision, needs: [], siblings: ['ee'.repeat(32) as Revision] },
      ],
      carried: [],
    },
    { objects: [chunk.id], keyId: 1 },
  );
  const record = sealRecord(
    {
      type: 'commit',
      space,
      id: commit,
      position: 7,
      previous: 'ab'.repeat(32) as RecordHash,
      term: 0,
      keyId: 1,
      objects: [chunk.id],
      previousControl: null,
    },
    plain,
    signing,
  );
  const secret = bytes(9, 16);
  const join = invitationKeys(secret);
  return {
    'canonical: {"b": [1, null, true], "a": h\'00ff\'}': bytesToHex(encodeCanonical({ b: [1, null, true], a: new Uint8Array([0, 255]) })),
    'machine id of seed 03…': signing.machine,
    'digest key of space key 01…': bytesToHex(keys.digestKey),
    'gear[0] and gear[255]': `${keys.gear[0]} ${keys.gear[255]}`,
    'K_mac of epoch key 02…': bytesToHex(keys.epoch(1)?.mac ?? new Uint8Array(0)),
    'K_enc of epoch key 02…': bytesToHex(keys.epoch(1)?.enc ?? new Uint8Array(0)),
    'commitment of epoch key 02…': bytesToHex(epochCommitment(bytes(2))),
    'Padmé of 9, 1000, 100000': [9, 1000, 100_000].map(padmeLength).join(' '),
    'content digest': digest,
    revision,
    'sibling id': siblingOf(item, null, 'dd'.repeat(32) as ContentDigest),
    'chunk id': chunk.id,
    'chunk object': bytesToHex(chunk.bytes),
    'chunk plaintext': opened.ok ? Buffer.from(opened.value).toString('hex') : '',
    'bundle id': bundle.id,
    'bundle object': bytesToHex(bundle.bytes),
    'commit body': bytesToHex(await sealCommitBody(plain, binding, keys, compression, random)),
    'commit plaintext': bytesToHex(plaintext),
    'record header': bytesToHex(record.headerBytes),
    'record signature': bytesToHex(record.signature),
    'record hash': record.hash,
    record: bytesToHex(encodeRecord(record)),
    'control: prune of dd…': bytesToHex(encodeControl({ op: 'prune', objects: ['dd'.repeat(32) as ObjectId] })),
    'chunk lengths of 400,000 bytes': chunkLengths(pattern(400_000), keys.gear).join(' '),
    'mailbox of secret 09…': join.mailbox,
    'words of secret 09…': secretToWords(secret),
    'head words of ab…': headWords('ab'.repeat(32) as RecordHash),
    'join link': formatJoinLink({
      remote: { address: 'http://pi.local:4600' },
      secret,
      invites: 'hub',
      space: null,
      inviter: null,
      head: null,
    }),
    ...(await controlVectors()),
    ...(await joiningVectors()),
    ...(await recoveryVectors()),
    ...(await checkpointVectors(content, revision)),
  };
}

/** Bytes that look random and are the same everywhere: SHA-256 of a counter. */
function pattern(length: number): Uint8Array {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) parts.push(Buffer.from(sha256Hex(String(i)), 'hex'));
  return Buffer.concat(parts).subarray(0, length);
}

async function controlVectors(): Promise<{ readonly [name: string]: string }> {
  const machine = 'a1'.repeat(32) as MachineId;
  const member = { machine, recipient: 'age1x', role: 'writer' as const, account: null, sealedName: bytes(7, 3) };
  const epoch = { number: 2, commitment: bytes(8), envelopes: { recovery: bytes(9, 2), [machine]: bytes(10, 2) } };
  const recovery = { signer: 'b2'.repeat(32) as MachineId, recipient: 'age1y' };
  const object = 'dd'.repeat(32) as ObjectId;
  const payloads: readonly ControlPayload[] = [
    { op: 'genesis', nonce: bytes(6), format: 1, mode: 'sealed', features: [], owner: { ...member, role: 'owner' }, recovery, epoch },
    { op: 'member', member, envelope: bytes(11, 4) },
    { op: 'epoch', removed: [machine], epoch },
    { op: 'recovery', recovery, envelope: bytes(11, 4) },
    { op: 'move', term: 1, position: 41, head: 'ab'.repeat(32) as RecordHash, sealedRemote: bytes(12, 3) },
    { op: 'erase', objects: [object], replaced: [{ from: object, to: 'ee'.repeat(32) as ObjectId }], sealedReason: bytes(13, 2) },
    { op: 'grant', sealedSink: bytes(14, 2), revoked: false },
    { op: 'features', features: ['x'] },
  ];
  const keys = createSpaceKeys({ spaceKey: bytes(1), epochKeys: new Map([[1, bytes(2)]]) });
  const deps = { compression: createCompressionDouble(), random: { bytes: (length: number) => bytes(4, length) } };
  const secrets = { spaceKey: bytes(1), epochKeys: new Map([[1, bytes(2)]]) };
  return {
    ...Object.fromEntries(payloads.map((payload) => [`control: ${payload.op}`, bytesToHex(encodeControl(payload))])),
    'sealed text: pi': bytesToHex(await sealText('pi', space, 1, keys, deps)),
    'envelope plaintext': bytesToHex(encodeSecrets(secrets)),
    'envelope plaintext with a proof of 0f…': bytesToHex(encodeSecrets(secrets, bytes(15))),
  };
}

async function joiningVectors(): Promise<{ readonly [name: string]: string }> {
  const keys = invitationKeys(bytes(9, 16));
  const random = { bytes: (length: number) => bytes(4, length) };
  const signing = createSigningKey(bytes(3));
  const head = { term: 0, position: 7, hash: 'ab'.repeat(32) as RecordHash };
  const offer = sealOffer(
    { space, inviter: signing.machine, head, expires: 1_750_000_000_000, inviterName: 'pi', hubKey: null, tlsPin: null },
    keys,
    random,
  );
  const request = sealRequest({ recipient: 'age1x', name: 'laptop' }, signing, offer, keys, random);
  const answer = sealAnswer({ accepted: true, role: 'writer', head }, offer, request, keys, random);
  const hub = createSigningKey(bytes(16));
  const challenge = { nonce: bytes(17, 40), clientNonce: bytes(18), machine: signing.machine, origin: 'http://pi.lan:4600' };
  return {
    'letter: offer': bytesToHex(offer),
    'letter: request': bytesToHex(request),
    'letter: answer': bytesToHex(answer),
    'key words of seed 03…': keyWords(signing.machine),
    'signature of the hub over a challenge': bytesToHex(signAsHub(hub, challenge)),
    'signature of the machine': bytesToHex(signAsMachine(signing, hub.machine, challenge.nonce, challenge.origin)),
  };
}

async function recoveryVectors(): Promise<{ readonly [name: string]: string }> {
  const recovery = await createRecoveryKey(bytes(19), createAgeKeyWrapping());
  return {
    'words of recovery secret 13…': secretToWords(bytes(19)),
    'recovery signer of 13…': recovery.key.machine,
    'recovery recipient of 13…': recovery.recipient,
    'recovery proof in a genesis': bytesToHex(genesisProof(recovery, bytes(6), createSigningKey(bytes(3)).machine)),
    'recovery proof in a replacement': bytesToHex(replacementProof(recovery, space)),
  };
}

/** Two machines' commits under one id are two. */
async function checkpointVectors(content: Content, revision: Revision): Promise<{ readonly [name: string]: string }> {
  const used = new UsedCommits();
  for (const signer of ['b2', 'a1']) used.add(commitKey(signer.repeat(32) as MachineId, commit));
  const state = {
    items: [[{ item, revision, position: 7, content }]],
    siblings: [{ item, sibling: 'ee'.repeat(32) as Revision, base: revision, position: 8, content: null }],
    used,
  };
  const pages: Uint8Array[] = [];
  const digest = new StateDigest();
  for await (const page of statePages(state)) {
    pages.push(page);
    digest.add(page);
  }
  return {
    ...Object.fromEntries(pages.map((page, index) => [`checkpoint page: ${['items', 'siblings', 'used'][index]}`, bytesToHex(page)])),
    'checkpoint digest': digest.hex,
  };
}
