import type { Peer } from './peer.ts';
import { borgPeer } from './peers/borg.ts';
import { gitPeer } from './peers/git.ts';
import { rclonePeer } from './peers/rclone.ts';
import { resticPeer } from './peers/restic.ts';
import { rsyncPeer, rsyncPipePeer } from './peers/rsync.ts';
import { satchelDatabasePeer, satchelUncountedPeer } from './peers/satchel-database.ts';
import { satchelHomePeer, satchelPeer, satchelUncountedFilesPeer } from './peers/satchel.ts';
import { syncthingPeer } from './peers/syncthing.ts';
import { unisonPeer } from './peers/unison.ts';

/** The only list of those that carry files. */
export const PEERS: readonly Peer[] = [
  satchelPeer,
  satchelUncountedFilesPeer,
  satchelHomePeer,
  rsyncPeer,
  rsyncPipePeer,
  resticPeer,
  borgPeer,
  gitPeer,
  rclonePeer,
  unisonPeer,
  syncthingPeer,
];

/** A database is a file to all others: they need it while nobody has it open. */
export const DATABASE_PEERS: readonly Peer[] = [
  satchelDatabasePeer,
  satchelUncountedPeer,
  rsyncPeer,
  rsyncPipePeer,
  resticPeer,
  borgPeer,
  syncthingPeer,
];
