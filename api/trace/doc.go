// Package trace answers where things came from, where they went and what they met: the genealogy
// that EPCIS events tell through aggregation, association, transformation and lots, over time.
//
// It owns the meaning of such answers (adr/001-genealogy.md), and no storage: events come from a
// Source, which the read model implements. It imports epcis, the ledger's types and the units of
// api/query, and no store, transport or clock.
package trace
