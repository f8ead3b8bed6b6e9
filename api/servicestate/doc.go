// Package servicestate keeps what the servers of an organisation know that the ledger
// does not tell: capture jobs with the documents they are to record, named queries,
// subscriptions and how far they have come, page tokens that were ended, and who does
// the work that one process at a time may do. It lives beside the read model, on SQLite
// or PostgreSQL, in tables of its own that a rebuild of the read model leaves alone.
//
// It implements Queries, Subscriptions and Tokens of api/rest, and the jobs of
// api/repository. The secrets of subscriptions are encrypted with a key that is not in
// the store. It may import api/rest and epcis, and no ledger and no gateway.
package servicestate
