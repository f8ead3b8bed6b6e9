// Package readmodel keeps the ledger's facts in SQL so that they can be asked for. It owns the
// schema, the projection of blocks into rows, the position up to which the ledger has been taken in,
// and the questions that the API asks. Everything in it is a function of the block stream: delete
// the file and it is built again from block 0.
//
// Rows and position change in one database transaction, so a killed process goes on where it was.
// Facts that a proof will name (events, restatements, segments, verdicts) are keyed by their place
// in the ledger; the words "position" and "index" mean the same here and in the API.
//
// The store is SQLite; the SQL is kept to what other databases speak as well, and what differs is
// in dialect. The package may import epcis, chaincode/ledger, chaincode/wire and gateway/blocks, and
// neither the API's protocol nor Fabric.
package readmodel
