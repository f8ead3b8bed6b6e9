// Package epcis reads, validates, hashes and writes EPCIS 2.0 events with the
// Core Business Vocabulary 2.0, from JSON-LD and from XML (EPCIS 2.0 and 1.2).
//
// It owns the event types, the rules of the standard, GS1 identifiers (EPC URN
// and Digital Link) and the CBV 2.0 event hash. It is a library of its own: it
// imports the standard library only, nothing else of this project, no ledger
// and no gateway. It runs inside chaincode, so every function is deterministic:
// no clock, no randomness, no locale, and no result depends on map order.
//
// Every fault found in a document is a [Fault] with a path, a stable code and a
// message; a decoder never panics on bad input and bounds what it reads by
// [Limits].
//
// Memory: while [Events] reads a document it holds one event at a time, at most
// about twelve times the event's size, as long as the document states its
// @context before its body; otherwise the events are held back until the context
// is known, bounded by Limits.MaxBytes.
package epcis
