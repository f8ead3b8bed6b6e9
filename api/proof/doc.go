// Package proof is the proof log's format and its verification: the canonical bytes of a leaf, the
// RFC 6962 Merkle log in tiles, the proofs that facts are in it and that it only grew, and the check
// of a proof against nothing but the organisations' root certificates. It decides when a root counts
// and how the organisations' roots stand to each other.
//
// It is pure: no clock, no network, no database. It may import epcis, chaincode/ledger,
// chaincode/wire and transparency-dev/merkle, and neither SQL nor Fabric.
package proof
