// Package submit coalesces concurrent writes into few transactions and answers each input for
// itself. It forms batches by count, bytes and time, keeps inputs that share a key in order, never
// has two transactions in flight that touch the same key, retries what the network lets pass, and
// resolves an unknown outcome by its transaction id before anything is sent again.
//
// Of Waybill it may import chaincode/ledger, chaincode/wire, epcis, gateway/fabric and internal/idle.
package submit
