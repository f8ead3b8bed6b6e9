// Package blocks is the verified block stream of a channel: blocks in order, without gap or double,
// each checked for its place in the hash chain, its data hash, and the orderers' signatures that the
// channel's block validation policy demands, up to the trust roots of the connection profile; decoded
// as far as Waybill's consumers need. It resumes from a position and ends with its reason.
//
// The orderers do not sign the validity flag of a transaction: it is the word of the peer that delivered
// the block. Flags are checked against the commit hash, a chain that each peer keeps over flags and
// writes; a peer that lies in both is found by comparing with others, as the anchored roots of the
// proof log do. So a client reads from its own organisation's peers first.
//
// Of Waybill it may import gateway/fabric, gateway/profile and internal/idle, and the wire package for the event's name.
package blocks
