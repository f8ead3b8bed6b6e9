// Package demo shows the whole of Waybill on one machine: a real Fabric network, one Waybill server
// an organisation, a simulated day of shipments (or the user's own documents and readings) sent
// through the public API by clients with identities of their own, and for each shipment what was
// planted in it and what the verdict says.
//
// Nothing in it stands in for the real thing: it takes no path into the ledger but the API, and what
// it reports it reads from verdicts that the ledger holds. It owns the sending, the judging of the
// result against what was planted, and the telling. It imports clients (api, gateway), the
// simulator, internal/stack and network; nothing imports it but cmd and tests.
package demo
