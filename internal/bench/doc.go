// Package bench measures Waybill on a real network: how many events and readings a second reach the
// ledger through the public API, how long a reading's verdict takes, and beside each, in the same
// run, what the naive way gives: one record a transaction, submitted directly, as Fabric's samples
// do. Afterwards it reads every block and holds the ledger against what was sent.
//
// It owns the load, the measuring and the check. It imports clients (api, gateway) and
// internal/stack, which starts what is measured; nothing imports it but cmd and tests.
package bench
