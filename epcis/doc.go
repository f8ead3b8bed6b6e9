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
// [Convert] and [Encoder] write what was read, or made, in another form; what that
// form cannot express is a fault with [CodeForm]. DIFFERENCES.md says which
// spellings change on the way.
//
// Memory: [Events] and [EventsXML] hold one event at a time. An event, and the header,
// takes at most 150 bytes of memory for each byte of its text, however the text is
// made, and no more than [Limits] let it: its text at most four times over and 384
// bytes for each JSON value in it, or 768 for each XML element and attribute. So a
// document of valid events is read in 48 MiB, the program itself included, whatever
// its length. The header of a document is held as a whole, and so are events that
// stand before the document's @context, since they cannot be read without it;
// Limits.MaxBytes bounds both. What the caller keeps of an event aliases that
// event's text only. XML has no entities but its own five, and a tag at most 2,000
// attributes.
package epcis
