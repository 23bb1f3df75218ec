/**
 * Place of the peer that this is all about. It implements the interface below over two nodes and a hub of its own
 * (three processes, three SATCHEL_HOMEs under `place.work`), and is then added to PEERS in ../peers.ts. Until it
 * measures the real thing it stays out of that list.
 */
export type { Measurement, Peer, PeerSession, Place } from '../peer.ts';
